"""Answers of each kind, as the argument says."""
import sys

import faas


def main(arg):
    if isinstance(arg, bytes):
        return b"bytes " + arg
    if arg == "int":
        return 3
    if arg == "nan":
        return [float("nan")]
    if arg == "surrogate":
        return "\udc80"
    if arg == "raise":
        raise LookupError("where is it?\nsecond line")
    if arg == "silent":
        raise KeyError
    if arg == "unprintable":
        class Bad(Exception):
            def __str__(self):
                raise RuntimeError
        raise Bad
    if arg == "long":
        raise ValueError("x" * 10000)
    if arg == "exit":
        sys.exit(7)
    if arg == "print":
        print("out")
        print("err", file=sys.stderr)
        faas.log("log")
        return None
    if arg.startswith("large "):
        return "y" * int(arg[6:])
    if arg == "activation":
        return list(faas.activation())
    return {"str": lambda: "é", "none": lambda: None, "bytes": lambda: b"\xff\0\xfe",
            "buffer": lambda: bytearray(b"buffer"), "dict": lambda: {"é": [1, 2.5, None, True]},
            "list": lambda: [], "size": lambda: len(arg)}.get(arg, lambda: str(len(arg)))()
