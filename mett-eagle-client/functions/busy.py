"""Adds up as many fractions as its argument says; answers how long that took, in microseconds."""
import time


def main(arg):
    start = time.monotonic_ns()
    total = 0.0
    for i in range(1, int(arg) + 1):
        total += 1 / i
    return str((time.monotonic_ns() - start) // 1000)
