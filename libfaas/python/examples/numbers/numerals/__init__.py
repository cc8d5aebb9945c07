"""Roman numerals."""
import importlib.resources
import json

from .write import write

__all__ = ["to_roman"]

SIGNS = json.loads(importlib.resources.files(__package__).joinpath("signs.json").read_text())


def to_roman(number):
    if not 0 < number < 4000:
        raise ValueError(f"there is no numeral for {number}")
    return write(number, SIGNS)
