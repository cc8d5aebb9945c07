#!/usr/bin/env python3
"""See that peers.py measures, says what it left out, and writes what others read.

	test-peers.py BUILD
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import obtain  # noqa: E402

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.py")
SKIP = 77


def peers(*arguments):
    return subprocess.run([sys.executable, PEERS, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100)


def check_measured(row):
    assert row["skipped"] is None, row
    assert 0 < row["p50_us"] <= row["p99_us"] and row["per_second"] > 0, row
    assert row["spread_us"][0] <= row["p50_us"] <= row["spread_us"][1], row
    assert row["samples"] > 0, row


def why_not(bring, *arguments):
    try:
        return bring(*arguments)
    except obtain.Skipped as skipped:
        return str(skipped)


def check_reasons(folder):
    """Of what cannot be brought the reason says what to do."""
    before, os.environ["PATH"] = os.environ["PATH"], folder
    node = why_not(obtain.debian, folder, "nodejs", "node")
    workerd = why_not(obtain.npm, folder, "workerd", "*")
    os.environ["PATH"] = before
    assert "no node: there is no apt-get; install it" in node, node
    assert "no workerd: there is no npm; npm brings it" in workerd, workerd


def main(build):
    with tempfile.TemporaryDirectory() as folder:
        check_reasons(folder)
        path = folder + "/peers.json"
        done = peers("--quick", "--only", "posix_spawn,python3", "--json", path, build)
        assert done.returncode == 0, done.stderr
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        assert report["machine"]["cores"] > 0, report
        assert [row["name"] for row in report["rows"]] == ["posix_spawn", "python3"], report
        for row in report["rows"]:
            check_measured(row)
            assert row["name"] in done.stdout, done.stdout

        # Where nothing is built, everything is left out, and that is a failure.
        done = peers("--quick", "--only", "posix_spawn", "--json", path, folder)
        assert done.returncode == 1 and "skipped: " in done.stdout, done
        with open(path, encoding="utf-8") as file:
            assert json.load(file)["rows"][0]["skipped"]

        assert peers("--only", "nobody", "--json", path, build).returncode == 2
    return 0


if __name__ == "__main__":
    if not hasattr(os, "sched_setaffinity"):
        print("no way to stay on one core")
        sys.exit(SKIP)
    sys.exit(main(sys.argv[1]))
