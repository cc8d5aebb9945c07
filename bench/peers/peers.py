#!/usr/bin/env python3
"""Measure what a user would pick instead of us, beside ours, on one core.

Each contestant has its turn in each round: first a call on each tick of a millisecond, for the
percentiles, then as many one after the other, for the calls per second. Figures are medians of
the rounds; "x ours" is the p50 as a multiple of policy fork's. A p99 of fewer than 100 samples
a round is a round's slowest. What is not on the machine is brought into build/peers; where that
cannot be, a contestant is left out, and its row says why.
"""
import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from contestants import ALL  # noqa: E402
from obtain import Skipped, last_line  # noqa: E402
from serve import Stage  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACE_US = 1000
ROUNDS, ROUNDS_QUICK = 5, 2
QUICK = 10  # so many times fewer samples
STOP_S = 15


def measure(stage, task, count, pace_us=0):
    """Nanoseconds of each call, sorted."""
    pace = ["--pace", str(pace_us)] if pace_us else []
    child = subprocess.Popen([*task.front, stage.build + "/bench/peers/measure", *pace, str(count),
                              *task.arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, errors="replace",
                             env=dict(os.environ, **task.environment))
    try:
        output, complaint = child.communicate()
    except BaseException:
        # It waits for the call under way, which may own things that must be given back.
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=STOP_S)
        child.kill()
        raise
    if child.returncode:
        raise Skipped(last_line(complaint, "measure failed"))
    return sorted(map(int, output.split()))


class Row:
    """A contestant, and what came of it."""

    def __init__(self, contestant, quick):
        self.contestant, self.task, self.skipped = contestant, None, ""
        self.count = max(contestant.samples // QUICK, 3) if quick else contestant.samples
        self.p50, self.p99, self.per_second = [], [], []

    def attempt(self, step, *arguments):
        if self.skipped:
            return
        try:
            step(*arguments)
        except (Skipped, OSError) as reason:
            self.skipped = str(reason)

    def prepare(self, stage):
        self.task = self.contestant.prepare(stage)
        measure(stage, self.task, 1)

    def run_round(self, stage):
        paced = measure(stage, self.task, self.count, PACE_US)
        unpaced = measure(stage, self.task, self.count)
        self.p50.append(paced[len(paced) // 2] / 1000)
        self.p99.append(paced[len(paced) * 99 // 100] / 1000)
        self.per_second.append(len(unpaced) / sum(unpaced) * 1e9)

    def figures(self, ours):
        """The row of the JSON; @ours: the p50 that is compared with, or None."""
        row = {"name": self.contestant.name, "what": self.contestant.what, "p50_us": None,
               "p99_us": None, "per_second": None, "spread_us": None, "x_ours": None,
               "samples": 0, "skipped": self.skipped or None}
        if not self.skipped:
            p50 = statistics.median(self.p50)
            row.update(p50_us=round(p50, 2), p99_us=round(statistics.median(self.p99), 2),
                       per_second=round(statistics.median(self.per_second), 1),
                       spread_us=[round(min(self.p50), 2), round(max(self.p50), 2)],
                       x_ours=round(p50 / ours, 2) if ours else None,
                       samples=self.count * len(self.p50))
        return row


def run(stage, rows, rounds):
    for row in rows:
        say(f"preparing {row.contestant.name}")
        row.attempt(row.prepare, stage)
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for row in rows:
            row.attempt(row.run_round, stage)
    ours = [statistics.median(row.p50) for row in rows
            if row.contestant.name == "fork" and not row.skipped]
    return [row.figures(ours[0] if ours else None) for row in rows]


def say(text):
    print(f"bench-peers: {text}", file=sys.stderr)


def machine(core):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "pinned_to": core}


def table(rows, rounds):
    yield (f"{rounds} rounds, a call a millisecond where it can be kept, all on one core; "
           "calls per second without a pace\n")
    yield (f"{'':<15} {'p50 us':>10} {'of rounds':>20} {'p99 us':>10} {'per second':>11} "
           f"{'x ours':>8}")
    for row in rows:
        if row["skipped"]:
            yield f"{row['name']:<15} skipped: {row['skipped']}"
            continue
        spread = "{:.1f}-{:.1f}".format(*row["spread_us"])
        times = f"{row['x_ours']:.1f}" if row["x_ours"] else "-"
        yield (f"{row['name']:<15} {row['p50_us']:>10.1f} {spread:>20} {row['p99_us']:>10.1f} "
               f"{row['per_second']:>11.0f} {times:>8}  {row['what']}")


def names_of(text):
    names = text.split(",")
    unknown = set(names) - {contestant.name for contestant in ALL}
    if unknown:
        raise argparse.ArgumentTypeError(f"no such name: {', '.join(sorted(unknown))}")
    return names


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="names: " + ", ".join(contestant.name for contestant in ALL))
    parser.add_argument("build", metavar="BUILD", nargs="?", default=TOP + "/build-bench",
                        help="where the project is built for release (default: build-bench)")
    parser.add_argument("--only", metavar="NAME,...", type=names_of, help="measure only these")
    parser.add_argument("--quick", action="store_true", help="few samples: does it work at all?")
    parser.add_argument("--json", metavar="FILE", default=TOP + "/build/bench-peers.json",
                        help="where the figures go (default: build/bench-peers.json)")
    return parser.parse_args()


def leave(number, frame):
    sys.exit(128 + number)


def catch_signals(handler):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def main():
    given = arguments()
    core = max(os.sched_getaffinity(0))
    rounds = ROUNDS_QUICK if given.quick else ROUNDS
    rows = [Row(contestant, given.quick) for contestant in ALL
            if not given.only or contestant.name in given.only]
    os.sched_setaffinity(0, {core})
    catch_signals(leave)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mett-peers-",
                                                                 ignore_cleanup_errors=True))
        stage = Stage(os.path.abspath(given.build), TOP + "/build/peers", folder, stack)
        try:
            figures = run(stage, rows, rounds)
        finally:
            catch_signals(signal.SIG_IGN)  # cleaning up is not to be cut short
    print("\n".join(table(figures, rounds)))
    os.makedirs(os.path.dirname(os.path.abspath(given.json)), exist_ok=True)
    with open(given.json, "w", encoding="utf-8") as file:
        json.dump({"machine": machine(core), "rows": figures}, file, indent=1)
        file.write("\n")
    return all(row["skipped"] for row in figures)


if __name__ == "__main__":
    sys.exit(main())
