"""Imports what many scripts do: what such a function takes of memory is measured."""
import datetime
import json
import re


def main(arg):
    return json.dumps([re.sub("x", "y", arg), str(datetime.timedelta(1))])
