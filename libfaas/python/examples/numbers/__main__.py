"""A function of several files: its argument, a number, in the numerals of a package beside it."""
from numerals import to_roman


def main(arg: str) -> str:
    return to_roman(int(arg))
