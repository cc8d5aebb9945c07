"""Answers what must be another thing in each call."""
import random
import secrets
import ssl
import tempfile
import time
import uuid

random.random()
uuid.uuid1()
ssl.RAND_bytes(8)


def main(arg):
    return " ".join([str(random.random()), secrets.token_hex(8), str(uuid.uuid4()),
                     str(uuid.uuid1()), ssl.RAND_bytes(8).hex(), str(time.monotonic_ns()),
                     next(tempfile._get_candidate_names()), str(hash(object()))])
