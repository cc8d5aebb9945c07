#!/usr/bin/env python3
"""`mett bench', `mett top' without a terminal, and `mett doctor': test-measure.py BUILD"""

import json
import re

from live import *

FAIL = "def main(arg):\n    raise ValueError(arg)\n"


class Measured(Living, WithServer):
    def setUp(self):
        super().setUp()
        self.deploy(text=HELLO)

    def bench(self, *words, status=GOOD):
        return json.loads(self.mett("bench", "--json", *words, status=status).stdout)

    def stats(self, name):
        """What top tells of an action."""
        looked = self.mett("top", "--once", "--json", "--interval=50ms").stdout
        return next((row for row in json.loads(looked)["actions"] if row["name"] == name), None)


class Bench(Measured):
    def test_calls_are_counted(self):
        for clients in 1, 3:
            figures = self.bench("hello", "world", "--calls=300", f"--parallel={clients}")
            self.assertEqual(figures["answered"], 300)
            self.assertEqual(figures["clients"], clients)
            self.assertEqual(figures["failures"], {})
            self.assertEqual(sum(row["count"] for row in figures["histogram"]), 300)
            times = figures["latency_ns"]
            in_order = [times[name] for name in ("min", "p50", "p90", "p99", "p99.9", "max")]
            self.assertEqual(in_order, sorted(in_order))
            self.assertGreater(times["min"], 0)
            self.assertAlmostEqual(figures["rate"] * figures["seconds"], 300, delta=1)

    def test_the_time_is_that_of_the_calls(self):
        """Not that of whoever looks every 100 ms whether they are all made."""
        self.assertLess(min(self.bench("hello", "x", "--calls=1")["seconds"]
                            for _ in range(10)), 0.1)

    def test_time_bounds_it(self):
        figures = self.bench("hello", "x", "--duration=300ms")
        self.assertGreaterEqual(figures["seconds"], 0.3)
        self.assertGreater(figures["answered"], 0)

    def test_the_rate_is_kept(self):
        figures = self.bench("hello", "x", "--rate=200", "--calls=60")
        self.assertEqual(figures["answered"], 60)
        self.assertGreaterEqual(figures["seconds"], 59 / 200)
        figures = self.bench("hello", "x", "--rate=100", "--duration=500ms", "--parallel=2")
        self.assertLessEqual(figures["answered"], 50)

    def test_a_late_call_counts_from_when_it_was_due(self):
        """What waits behind a slow one was slow too."""
        self.deploy(name="slow", text="import time\ndef main(arg):\n    time.sleep(0.1)\n")
        figures = self.bench("slow", "x", "--rate=100", "--calls=5")
        self.assertGreaterEqual(figures["latency_ns"]["max"], 400_000_000)

    def test_failures_are_counted(self):
        self.deploy(name="fail", text=FAIL)
        figures = self.bench("fail", "ouch", "--calls=20", "--parallel=2", status=FAILED)
        self.assertEqual(figures["answered"], 0)
        self.assertEqual(figures["failures"], {"failed": 20})
        self.says(FAILED, "bench", "fail", "ouch", "--calls=2", "ValueError: ouch")

    def test_what_people_get(self):
        done = self.mett("bench", "hello", "x", "--calls=50")
        self.assertIn("hello: 50 calls answered", done.stdout)
        self.assertRegex(done.stdout, r"p50 [\d.]+ .s +p90")
        shares = [float(share) for share in re.findall(r"# +([\d.]+) %", done.stdout)]
        self.assertAlmostEqual(sum(shares), 100, delta=1)
        self.assertEqual(done.stderr, "")

    def test_what_is_wrong_is_told(self):
        self.says(REFUSED, "bench", "helo", "Did you mean 'hello'?")
        self.says(USAGE, "bench", "which action")
        self.says(USAGE, "bench", "hello", "--rate=never", "--rate")

    def test_an_interrupt_prints_what_there_is(self):
        bench = self.begin("bench", "--json", "hello", "x", "--duration=10m")
        soon(lambda: self.stats("hello")["calls"] > 5, "there is no call")
        bench.send_signal(signal.SIGINT)
        out, _ = bench.communicate()
        self.assertEqual(bench.returncode, 128 + signal.SIGINT)
        self.assertGreater(json.loads(out)["answered"], 0)


class Top(Measured):
    def test_calls_are_counted(self):
        self.assertEqual(self.stats("hello")["calls"], 0)
        for _ in range(7):
            self.mett("invoke", "hello", "x")
        row = soon(lambda: self.stats("hello") if self.stats("hello")["calls"] == 7 else None,
                   "7 calls are not counted")
        self.assertEqual((row["errors"], row["running"]), (0, 0))
        self.deploy(name="fail", text=FAIL)
        self.mett("invoke", "fail", "x", status=FAILED)
        soon(lambda: self.stats("fail")["errors"] == 1, "the failure is not counted")

    def test_an_interrupted_invocation_is_ended(self):
        self.deploy(name="spin", text=SPIN)
        invoke = self.begin("invoke", "spin", "x")
        soon(lambda: self.stats("spin")["running"] == 1, "it does not run")
        soon(lambda: busy(self.servers[0].pid), "its worker does not run")
        invoke.send_signal(signal.SIGINT)
        invoke.communicate()
        self.assertEqual(invoke.returncode, 128 + signal.SIGINT)
        soon(lambda: self.stats("spin")["running"] == 0, "it is still counted")
        soon(lambda: not busy(self.servers[0].pid), "its worker is still there")

    def test_rates(self):
        bench = self.begin("bench", "--json", "hello", "x", "--rate=100", "--duration=10m")
        top = self.begin("top", "--json", "--interval=500ms")
        rates = []
        while not rates or rates[-1]["calls_per_second"] == 0 and len(rates) < 60:
            rates.append(json.loads(top.stdout.readline())["actions"][0])
        last = json.loads(top.stdout.readline())["actions"][0]
        bench.kill()
        top.kill()
        self.assertGreater(last["calls_per_second"], 10)
        self.assertLess(last["calls_per_second"], 1000)
        self.assertGreater(last["p50_ns"], 0)
        self.assertGreaterEqual(last["p99_ns"], last["p50_ns"])
        self.assertGreater(last["calls"], rates[0]["calls"])

    def test_a_pipe_gets_one_table(self):
        done = self.mett("top", "--interval=50ms", "--sort=name")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["NAME*", "CALLS/s", "P50", "P99", "ERRORS/s", "RUNNING",
                                            "PARKED", "MEMORY"])
        self.assertEqual(lines[1].split()[0], "hello")
        self.assertEqual(len(lines), 2)
        self.assertNotIn("\033", done.stdout)

    def test_an_empty_namespace(self):
        self.mett("delete", "hello")
        self.assertIn("No action is deployed", self.mett("top", "--once", "--interval=50ms").stdout)

    def test_usage(self):
        self.says(USAGE, "top", "--sort=p5", "'p50'")
        self.says(USAGE, "top", "--interval=1ms", "50ms")


class Doctor(Folder):
    def test_each_check_tells_what_it_found(self):
        done = self.mett("doctor")
        self.assertEqual(done.stderr, "")
        for name in "kernel", "seccomp", "sandbox", "python", "exec", "kvm", "state", "recorder":
            self.assertRegex(done.stdout, rf"(?m)^(ok|warn)  *{name} +\S")
        self.assertRegex(done.stdout.splitlines()[-1], r"^\d+ ok, \d+ warn, 0 fail$")
        self.assertRegex(done.stdout, r"(?m)^warn +server +none at .*\n +Start it: mett-eagle")

    def test_a_compiler_that_fails_is_heard(self):
        self.write("cc", "#!/bin/sh\necho cc: something is missing >&2\nexit 1\n")
        path = os.path.join(self.folder, "cc")
        os.chmod(path, 0o755)
        done = self.mett("doctor", environment={"CC": path})
        self.assertRegex(done.stdout, r"(?m)^warn +compiler +cc: something is missing\n +For func")

    def test_what_fails_is_the_exit_status(self):
        """A socket that is none of a server's."""
        self.write("socket", "")
        done = self.mett("doctor", status=FAILED)
        self.assertRegex(done.stdout, r"(?m)^fail +server +no server at")

    def test_a_machine_that_allows_no_sandbox(self):
        """As inside of a user namespace that may have no more of them."""
        inside = "echo 0 >/proc/sys/user/max_pid_namespaces && exec mett doctor --json"
        done = subprocess.run(["unshare", "-r", "sh", "-c", inside], env=self.environment,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        if not done.stdout:
            self.skipTest("cannot play such a machine: " + done.stderr.strip())
        self.assertEqual(done.returncode, FAILED)
        rows = {row["name"]: row for row in json.loads(done.stdout)["checks"]}
        self.assertEqual(rows["other namespaces"]["verdict"], "fail")
        self.assertIn("user.max_pid_namespaces", rows["other namespaces"]["mend"])
        self.assertEqual(rows["sandbox"]["verdict"], "fail")
        self.assertIn("cannot make namespaces", rows["sandbox"]["found"])


    def test_a_folder_for_the_state_that_takes_nothing(self):
        """Within a mount namespace of our own: one that is nearly full, then for reading only."""
        inside = ("mkdir state && mount -t tmpfs -o size=1M none state && "
                  "mett doctor -j --state=state && mount -o remount,ro state && "
                  "mett doctor -j --state=state")
        done = subprocess.run(["unshare", "-rm", "sh", "-c", inside], env=self.environment,
                              cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE_S)
        if not done.stdout:
            self.skipTest("cannot play such a machine: " + done.stderr.strip())
        outputs = done.stdout.replace("}\n{", "}\0{").split("\0")
        self.assertEqual(len(outputs), 2, done.stderr)
        for output, found in zip(outputs, ["state has 1 MiB left", "Read-only file system"]):
            rows = {row["name"]: row for row in json.loads(output)["checks"]}
            self.assertEqual(rows["state"]["verdict"], "warn")
            self.assertIn(found, rows["state"]["found"])
            self.assertIn("--state", rows["state"]["mend"])


class DoctorOfServers(WithServer):
    recorder = os.path.exists(RECORDER)

    def test_they_answer(self):
        rows = json.loads(self.mett("doctor", "--json").stdout)["checks"]
        for row in rows[-2:] if self.recorder else rows[-2:-1]:
            self.assertEqual((row["verdict"], "mend" in row), ("ok", False), row)


if __name__ == "__main__":
    main()
