#!/usr/bin/env python3
"""Check the block that mett-eagle-client --raw prints.

Usage: check-output.py [--threads N] [--rows N] < OUTPUT

Exit status 0 if the block is as the plotting tools expect it and each row's
times are in order; else 1, and what is wrong on the standard error.
"""

import argparse
import json
import sys

BEGIN, END = "====   OUTPUT   ====", "==== END OUTPUT ===="
COLUMNS = {
    "invocation": ["start", "end"],
    "worker": ["start", "end"],
    "runtime": ["start", "end"],
    "function": ["start", "end", "internal_duration"],
}
ORDER = [
    ("invocation", "start"),
    ("worker", "start"),
    ("runtime", "start"),
    ("function", "start"),
    ("function", "end"),
    ("runtime", "end"),
    ("worker", "end"),
    ("invocation", "end"),
]


class Wrong(Exception):
    pass


def cut_block(text):
    lines = text.splitlines()
    if lines.count(BEGIN) != 1 or lines.count(END) != 1:
        raise Wrong("not exactly one of each marker line")
    begin, end = lines.index(BEGIN), lines.index(END)
    if end < begin:
        raise Wrong("markers are the wrong way round")
    return json.loads("\n".join(lines[begin + 1 : end]))


def check_thread(number, thread):
    """Returns the number of rows."""
    if {name: list(part) for name, part in thread.items()} != COLUMNS:
        raise Wrong(f"thread {number}: wrong columns")
    columns = [thread[name][key] for name in COLUMNS for key in COLUMNS[name]]
    rows = len(columns[0])
    if any(len(column) != rows for column in columns):
        raise Wrong(f"thread {number}: columns differ in length")
    if any(type(cell) is not int or cell < 0 for column in columns for cell in column):
        raise Wrong(f"thread {number}: a time is not a whole number")
    before = 0
    for row in range(rows):
        for name, key in ORDER:
            time = thread[name][key][row]
            if time < before:
                raise Wrong(f"thread {number}, row {row}: {name}.{key} is too early")
            before = time
    return rows


def check(text, threads=None, rows=None):
    block = cut_block(text)
    if not isinstance(block, list):
        raise Wrong("not an array")
    if threads is not None and len(block) != threads:
        raise Wrong(f"{len(block)} threads, not {threads}")
    total = sum(check_thread(number, thread) for number, thread in enumerate(block))
    if rows is not None and total != rows:
        raise Wrong(f"{total} rows, not {rows}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    try:
        check(sys.stdin.read(), options.threads, options.rows)
    except (Wrong, ValueError, AttributeError, TypeError) as error:
        sys.exit(f"check-output: {error}")


if __name__ == "__main__":
    main()
