"""Tries again with what could not be passed."""
import faas


def main(arg):
    value = {"numbers": {1, 2}}
    try:
        faas.invoke("nobody", value)
    except TypeError:
        value["numbers"] = sorted(value["numbers"])
    return value
