#!/usr/bin/env python3
"""Runs mett-eagle-client against a played server: test-client.py CLIENT PLAYED-SERVER"""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest

CLIENT, SERVER = (os.path.abspath(path) for path in sys.argv[1:3])
CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check-output.py")
PHASES = ["send", "create worker", "runtime", "function", "end runtime", "delete worker", "receive",
          "whole", "reap"]


def check_output(text, *options):
    return subprocess.run([CHECKER, *options], input=text, text=True, capture_output=True)


class WithServer(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.directory.name, "socket")
        self.server = subprocess.Popen([SERVER, self.socket], stdout=subprocess.PIPE)
        self.server.stdout.readline()

    def tearDown(self):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        self.directory.cleanup()

    def command(self, *options):
        return [CLIENT, "--socket", self.socket, "--function", SERVER, *options]

    def run_client(self, *options, status=0):
        done = subprocess.run(self.command(*options), text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done


class Forms(WithServer):
    def test_a_pipe_gets_the_block(self):
        done = self.run_client("--threads=3", "--iterations=20", "--arg=12.75")
        checked = check_output(done.stdout, "--threads=3", "--rows=60")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(done.stderr, "")
        lines = done.stdout.splitlines()
        self.assertEqual((lines[0], lines[-1]), ("====   OUTPUT   ====", "==== END OUTPUT ===="))
        rows = json.loads("".join(lines[1:-1]))
        self.assertEqual(rows[0]["function"]["internal_duration"], [12] * 20)

    def test_what_is_no_number_counts_as_0(self):
        for text in ["", "x", "1x", "1.", ".5", "-1", "1 "]:
            done = self.run_client("--iterations=1", "--arg=" + text, "--raw")
            rows = json.loads(done.stdout.splitlines()[1])
            want = 1 if text == "1." else 0
            self.assertEqual(rows[0]["function"]["internal_duration"], [want], text)

    def test_json(self):
        done = self.run_client("--threads=2", "--iterations=50", "--json", "--policy=spawn")
        figures = json.loads(done.stdout)
        self.assertEqual(figures["answered"], 100)
        self.assertEqual(figures["policy"], "spawn")
        self.assertEqual(figures["failures"], {})
        self.assertEqual(list(figures["phases_us"]), PHASES)
        for phase, spread in figures["phases_us"].items():
            self.assertEqual(spread["samples"], 100, phase)
            self.assertTrue(0 <= spread["min"] <= spread["p50"] <= spread["p99"] <= spread["max"])
        self.assertAlmostEqual(figures["phases_us"]["function"]["p50"], 1.0)

    def test_summary(self):
        done = self.run_client("--iterations=5", "--summary")
        self.assertIn("1 client (", done.stdout)
        self.assertIn("5 answered; policy fork, saturated", done.stdout)
        for phase in PHASES:
            self.assertIn("\n" + phase + " ", done.stdout)
        self.assertIn(" invocations/s\n", done.stdout)
        self.assertNotIn("\033", done.stdout)

    def on_terminal(self, environment):
        leader, follower = pty.openpty()
        with subprocess.Popen(self.command("--iterations=30", "--arg=slow"), stdout=follower,
                              stderr=follower, env={**os.environ, **environment}) as client:
            os.close(follower)
            text = b""
            try:
                while piece := os.read(leader, 4096):
                    text += piece
            except OSError:
                pass
            os.close(leader)
        self.assertEqual(client.returncode, 0)
        return text.decode()

    def test_a_terminal_gets_summary_and_progress(self):
        text = self.on_terminal({"NO_COLOR": ""})
        self.assertIn("of 30 invocations (", text)
        self.assertIn("\033[1m", text)
        self.assertIn("invocations/s", text)
        self.assertNotIn("\033[1m", self.on_terminal({"NO_COLOR": "1"}))

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(self.command("--iterations=2"), stdout=full, text=True,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot print the result: No space left", done.stderr)
        with open("/dev/full", "w") as full:
            done = subprocess.run(self.command("--help"), stdout=full, text=True,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot print: No space left", done.stderr)


class Failures(WithServer):
    CRASHED, EXITED = 7, 8

    def test_failures_are_counted_and_left_out_of_the_rows(self):
        done = self.run_client("--threads=2", "--iterations=10", f"--arg=fail {self.CRASHED}",
                               status=1)
        checked = check_output(done.stdout, "--threads=2", "--rows=10")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("10 failed: crashed (first: played failure)", done.stderr)

    def test_the_json_names_their_kinds(self):
        done = self.run_client("--iterations=10", f"--arg=fail {self.EXITED}", "--json", status=1)
        self.assertEqual(json.loads(done.stdout)["failures"], {"exited wrongly": 5})

    def test_times_out_of_order_are_a_failure(self):
        done = self.run_client("--iterations=4", "--arg=disorder", status=1)
        self.assertEqual(check_output(done.stdout, "--rows=0").returncode, 0)
        self.assertIn("4 failed: times out of order", done.stderr)

    def test_a_server_that_goes_ends_the_run(self):
        done = self.run_client("--iterations=100", "--arg=gone", status=1)
        self.assertIn("1 failed: server gone", done.stderr)
        self.assertIn("99 of 100 invocations were not made", done.stderr)

    def test_no_server(self):
        done = subprocess.run([CLIENT, "-s", "/nowhere/socket", "-t", "3"], text=True,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("no server at '/nowhere/socket'"), 1)

    def test_no_program(self):
        done = self.run_client("--function=/nowhere/file", status=1)
        self.assertIn("action 'function': cannot open '/nowhere/file'", done.stderr)
        done = self.run_client("--callee=other=/nowhere/file", status=1)
        self.assertIn("action 'other': cannot open", done.stderr)

    def test_usage(self):
        self.assertIn("Try 'mett-eagle-client --help'",
                      self.run_client("--threads=none", status=2).stderr)


class Pace(WithServer):
    def test_the_rate_is_kept(self):
        begin = time.monotonic()
        self.run_client("--iterations=21", "--rate=100", "--threads=2")
        self.assertGreaterEqual(time.monotonic() - begin, 0.2)

    def test_an_interrupt_prints_what_there_is(self):
        client = subprocess.Popen(self.command("--iterations=1000", "--arg=slow"), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 1)
        self.assertEqual(check_output(out, "--threads=1").returncode, 0)
        rows = len(json.loads(out.splitlines()[1])[0]["invocation"]["start"])
        self.assertTrue(0 < rows < 1000)
        self.assertIn(f"{1000 - rows} of 1000 invocations were not made", err)


class Checker(unittest.TestCase):
    """The checker must be able to fail."""

    def thread(self, **changes):
        thread = {"invocation": {"start": [1, 20], "end": [8, 28]},
                  "worker": {"start": [2, 21], "end": [7, 27]},
                  "runtime": {"start": [3, 22], "end": [6, 26]},
                  "function": {"start": [4, 23], "end": [5, 25], "internal_duration": [0, 3]}}
        for name, part in changes.items():
            thread[name] = {**thread[name], **part}
        return thread

    def outcome(self, block, *options):
        text = f"====   OUTPUT   ====\n{json.dumps(block)}\n==== END OUTPUT ====\n"
        return check_output(text, *options).returncode

    def test_good(self):
        self.assertEqual(self.outcome([self.thread()], "--threads=1", "--rows=2"), 0)
        self.assertEqual(self.outcome([]), 0)

    def test_bad(self):
        good = self.thread()
        self.assertEqual(self.outcome([good], "--threads=2"), 1)
        self.assertEqual(self.outcome([good], "--rows=1"), 1)
        self.assertEqual(self.outcome(good), 1)
        self.assertEqual(self.outcome([{"invocation": {}}]), 1)
        self.assertEqual(check_output(json.dumps([good])).returncode, 1)
        self.assertEqual(check_output("====   OUTPUT   ====\n[\n==== END OUTPUT ====").returncode, 1)
        for changes in [
            {"worker": {"start": [0, 21]}},
            {"worker": {"end": [9, 27]}},
            {"runtime": {"start": [5, 22]}},
            {"function": {"end": [3, 25]}},
            {"invocation": {"end": [21, 28]}},
            {"invocation": {"start": [1, 7]}},
            {"invocation": {"start": [1]}},
            {"function": {"internal_duration": [0, 1.5]}},
            {"function": {"internal_duration": [0, -1]}},
        ]:
            self.assertEqual(self.outcome([self.thread(**changes)]), 1, changes)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
