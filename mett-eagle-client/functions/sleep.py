"""Sleeps the milliseconds that are its argument; answers how long it slept, in microseconds."""
import time


def main(arg):
    start = time.monotonic_ns()
    time.sleep(int(arg) / 1000)
    return str((time.monotonic_ns() - start) // 1000)
