"""Comes to its limits, in the way that the argument says."""
import itertools
import json


def main(arg):
    if arg == "catch":
        try:
            return str(len(b"x" * (1 << 40)))
        except MemoryError:
            return "caught"
    if arg == "grow":
        kept = []
        while True:
            kept.append(bytes(100000))
    if arg == "small":
        kept = None
        while True:
            kept = [kept]
    if arg == "json":
        return json.dumps([0] * (1 << 30))
    if arg == "loop":
        all(itertools.repeat(True))
    if arg == "recursion":
        return main(arg)
    return "alive"
