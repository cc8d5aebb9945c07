#!/usr/bin/env python3
"""Test the bench: that it measures what it is asked to, and what is made of that.

	test-bench.py BUILD

Output is TAP. How long anything took is not looked at.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.dom.minidom

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_S = 240
TIMES = {"p0", "p1", "p5", "p25", "p50", "p75", "p95", "p99", "p99.9", "p100"}
FIGURES = {"p50_us": 3.0, "p99_us": 9.0, "per_second": 900.0, "samples": 100}
SMALL = {
    "machine": {"kernel": "Linux 6.1", "cpu": "A <b> & co", "cores": 2, "memory_mib": 1024},
    "rounds": 5, "quick": False, "seconds": 1.0,
    "floors": {"R": {"paced": FIGURES, "saturated": FIGURES}},
    "targets": [
        {"name": "fork-p50", "what": "fork, paced, p50", "unit": "us", "value": 9.0, "floor": 3.0,
         "ratio": 3.0, "spread": [2.5, 3.5], "target": 2, "bound": "at most", "of": "R",
         "met": False},
        {"name": "parked", "what": "memory", "unit": "KiB", "value": 100.0, "floor": None,
         "ratio": None, "spread": [90.0, 110.0], "target": 200, "bound": "at most", "of": "KiB",
         "met": True},
        {"name": "sessions-fork", "what": "two sessions", "unit": "/s", "value": None,
         "floor": None, "ratio": None, "spread": None, "skipped": "needs two cores",
         "target": 1.8, "bound": "at least", "of": "one", "met": None}],
    "phases": {"fork": [{"name": "whole", "samples": 9, "us": {key: 5.0 for key in TIMES}}]},
    "throughput": [{"policy": policy, "sessions": n, "cores": n, "per_second": 1000.0 * n,
                    "spread": [900.0 * n, 1100.0 * n]} for policy in ("fork", "reuse")
                   for n in (1, 2)],
}
PEERS = {"rows": [
    {"name": "python3", "p50_us": 9000.0, "p99_us": 9900.0, "per_second": 100.0, "samples": 9,
     "skipped": None},
    {"name": "crun", "p50_us": None, "p99_us": None, "per_second": None, "samples": 0,
     "skipped": "not installed"}]}


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def run(*arguments):
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def driver(build, *arguments):
    done = run(build + "/bench/bench", "--build", build, *arguments)
    expect(done.returncode == 0, f"exit status {done.returncode}: {done.stderr}")
    return done.stdout


def measures_what_it_is_asked_to(build, folder):
    names = ["fork-p50", "reuse-rate", "large", "nested", "churn", "spawn", "spawn-one-core"]
    path = folder + "/out.json"
    shown = json.loads(driver(build, "--quick", "--json", "--output", path, "--only",
                              ",".join(names)))
    expect(shown == json.loads(read(path)), "the file is not what was printed")
    expect(set(shown["machine"]) == {"kernel", "cpu", "cores", "memory_mib"}, shown["machine"])
    expect(sorted(row["name"] for row in shown["targets"]) == sorted(names), shown["targets"])
    for row in shown["targets"]:
        low, high = row["spread"]
        expect(low <= row["ratio"] <= high and row["floor"] > 0, row)
        within = row["ratio"] >= row["target"] if row["bound"] == "at least" else \
            row["ratio"] <= row["target"]
        expect(row["met"] == within, row)
        expect(row["undecided"] == ((low <= row["target"]) != (high <= row["target"])) or
               row["target"] in (low, high), row)
    expect(list(shown["floors"]) == ["R", "S", "N"], "floors that nothing needs")
    for row in shown["phases"]["fork"]:
        times = [row["us"][key] for key in sorted(TIMES, key=lambda key: float(key[1:]))]
        expect(len(row["us"]) == len(TIMES) and times == sorted(times), row)
    expect(shown["throughput"] == [], "sessions that nothing needs")


def prints_a_table(build, folder):
    lines = driver(build, "--quick", "--rounds=2", "--only=reuse-p50").splitlines()
    expect(any(line.startswith("R: ") for line in lines), lines)
    expect(any(line.startswith("reuse") and ("  met" in line or "  MISSED" in line) for line in lines),
           lines)
    expect("\x1b" not in "".join(lines), "colour in a pipe")


def leaves_nothing_behind_when_it_is_ended(build, folder):
    process = subprocess.Popen([build + "/bench/bench", "--build", build, "--rounds=25",
                                "--only=fork-p50"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=folder))
    deadline = time.monotonic() + PATIENCE_S
    while not os.listdir(folder) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    began = os.listdir(folder)
    process.terminate()
    expect(process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM, process.returncode)
    expect(began and not os.listdir(folder), os.listdir(folder))


def refuses_a_wrong_command_line(build, folder):
    for words in (["--only=nothing"], ["--rounds=0"], ["--rounds=99"], ["--what"], ["word"]):
        done = run(build + "/bench/bench", "--build", build, *words)
        expect(done.returncode == 2 and done.stderr and not done.stdout, f"{words}: {done}")
    expect("fork-p50" in driver(build, "--help"), "the help names no targets")


def draws(build, folder):
    source = write(folder + "/small.json", json.dumps(SMALL))
    done = run(HERE + "/draw", source)
    expect(done.returncode == 0, done.stderr)
    text = read(folder + "/small.svg")
    xml.dom.minidom.parseString(text)
    expect("A &lt;b&gt; &amp; co" in text, "the machine's name")
    expect("whole" in text and "2 cores" in text, "a panel is missing")


def draws_without_figures(build, folder):
    source = write(folder + "/none.json", json.dumps(dict(SMALL, phases={}, throughput=[])))
    done = run(HERE + "/draw", source, folder + "/none.svg")
    expect(done.returncode == 0, done.stderr)
    xml.dom.minidom.parse(folder + "/none.svg")


def writes_the_readme(build, folder):
    write(folder + "/bench.json", json.dumps(SMALL))
    readme = write(folder + "/README.md", "top\n<!-- bench -->\nold\n<!-- /bench -->\nend\n")
    expect(run(HERE + "/readme", "--build", folder, "--write", readme).returncode == 0, "alone")
    alone = read(readme)
    expect(alone.startswith("top\n<!-- bench -->\n") and alone.endswith("<!-- /bench -->\nend\n"),
           alone)
    expect("old" not in alone and "3 R" in alone and "skipped: needs two cores" in alone, alone)
    write(folder + "/bench-peers.json", json.dumps(PEERS))
    for _ in range(2):
        done = run(HERE + "/readme", "--build", folder, "--write", readme)
        expect(done.returncode == 0, done.stderr)
    both = read(readme)
    expect("9,000 us" in both and "skipped: not installed" in both, both)
    expect(both.count("<!-- bench -->") == 1, both)


def refuses_a_readme_without_marks(build, folder):
    write(folder + "/bench.json", json.dumps(SMALL))
    readme = write(folder + "/README.md", "top\n")
    done = run(HERE + "/readme", "--build", folder, "--write", readme)
    expect(done.returncode == 1 and read(readme) == "top\n", done)
    expect(run(HERE + "/readme", "--build", folder + "/nowhere").returncode == 1, "no figures")


# Whether a test needs a server that runs.
TESTS = [
    (measures_what_it_is_asked_to, True),
    (prints_a_table, True),
    (leaves_nothing_behind_when_it_is_ended, True),
    (refuses_a_wrong_command_line, False),
    (draws, False),
    (draws_without_figures, False),
    (writes_the_readme, False),
    (refuses_a_readme_without_marks, False),
]


def attempt(number, test, build):
    try:
        with tempfile.TemporaryDirectory(prefix="mett-test-") as folder:
            test(build, folder)
    except (AssertionError, OSError, ValueError, LookupError, subprocess.TimeoutExpired) as problem:
        print(*(f"# {line}" for line in f"{type(problem).__name__}: {problem}".splitlines()),
              sep="\n")
        print(f"not ok {number} - {test.__name__}", flush=True)
        return False
    print(f"ok {number} - {test.__name__}", flush=True)
    return True


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
    done = run(build + "/mett-eagle/mett-eagle", "--check")
    why = (done.stderr.strip().splitlines() or ["the server's check fails"])[-1]
    print(f"1..{len(TESTS)}")
    good = True
    for number, (test, needs_server) in enumerate(TESTS, 1):
        if needs_server and done.returncode:
            print(f"ok {number} - {test.__name__} # SKIP {why}")
        else:
            good = attempt(number, test, build) and good
    return not good


if __name__ == "__main__":
    sys.exit(main())
