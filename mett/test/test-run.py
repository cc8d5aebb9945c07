#!/usr/bin/env python3
"""`mett run': a server of its own, of which nothing is left however it ends: test-run.py BUILD"""

import json

from live import *


class Answers(Living, Folder):
    def test_it_prints_the_answer_and_nothing_else(self):
        self.write("hello.py", HELLO)
        done = self.mett("run", "hello.py", "world")
        self.assertEqual((done.stdout, done.stderr), ("Hello, world!", ""))
        self.assertEqual(self.mett("run", "hello.py", input="in").stdout, "Hello, in!")
        self.write("argument", "a file")
        self.assertEqual(self.mett("run", "hello.py", "-f", "argument").stdout, "Hello, a file!")

    def test_c_is_compiled(self):
        self.write("size.c", "#include <faas.h>\nint faas_main(const void *data, size_t size)\n"
                             "{\n\t(void)data;\n\treturn faas_answer_format(\"{}\", size);\n}\n")
        self.assertEqual(self.mett("run", "size.c", "four").stdout, "4")

    def test_scripts_are_granted_what_they_need(self):
        self.write("up.sh", "#!/bin/sh\ntr a-z A-Z\n")
        self.assertIn("--grant", self.mett("run", "up.sh", "x", status=USAGE).stderr)
        self.assertEqual(self.mett("run", "--grant=system", "up.sh", "loud").stdout.strip(), "LOUD")

    def test_json(self):
        self.write("hello.py", HELLO)
        answer = json.loads(self.mett("run", "--json", "hello.py", "world").stdout)
        self.assertEqual(answer["answer"], "Hello, world!")
        self.assertIn("function", answer["phases_ns"])

    def test_statuses_are_those_of_invoke(self):
        self.write("bad.py", "def main(arg):\n    return 1 / 0\n")
        self.write("worse.py", "def main(arg\n")
        self.write("spin.py", SPIN)
        self.write("worse.c", "int faas_main(\n")
        done = self.mett("run", "bad.py", "x", status=FAILED)
        self.assertEqual(done.stdout, "")
        self.assertIn("ZeroDivisionError", done.stderr)
        self.assertIn("did not end within 50 ms",
                      self.mett("run", "spin.py", "--timeout=50ms", status=FAILED).stderr)
        self.assertIn("line 1: SyntaxError", self.mett("run", "worse.py", status=REFUSED).stderr)
        self.assertIn("worse.c:1:", self.mett("run", "worse.c", status=REFUSED).stderr)
        self.assertIn("nowhere.py", self.mett("run", "nowhere.py", status=REFUSED).stderr)
        self.assertIn("which file", self.mett("run", status=USAGE).stderr)

    def test_another_server_or_namespace_is_none_of_it(self):
        self.write("hello.py", HELLO)
        elsewhere = {"METT_SOCKET": "/nowhere", "METT_NAMESPACE": "elsewhere"}
        done = self.mett("run", "hello.py", "world", environment=elsewhere)
        self.assertEqual(done.stdout, "Hello, world!")

    def test_it_needs_no_folder_for_sockets(self):
        self.write("hello.py", HELLO)
        self.environment["XDG_RUNTIME_DIR"] = "/nowhere"
        self.assertEqual(self.mett("run", "hello.py", "x").stdout, "Hello, x!")


class Ends(Living, Folder):
    """However it ends, nothing stays."""

    def begin_spinning(self):
        """mett with a function that goes on for ever, and its server's process id."""
        self.before = below(os.getpid())
        self.write("spin.py", SPIN)
        mett = self.begin("run", "spin.py")

        soon(lambda: busy(mett.pid), "the function does not run")
        server = [pid for pid, fields in processes().items() if int(fields[1]) == mett.pid]
        self.assertEqual(len(server), 1)
        return mett, server[0]

    def test_well(self):
        before = below(os.getpid())
        self.write("hello.py", HELLO)
        self.mett("run", "hello.py", "x")
        self.expect_nothing_left(before)

    def test_interrupted(self):
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            with self.subTest(number):
                mett, _ = self.begin_spinning()
                mett.send_signal(number)
                _, err = mett.communicate(timeout=PATIENCE_S)
                self.assertEqual(mett.returncode, 128 + number)
                self.assertIn("cancelled", err)
                self.expect_nothing_left(self.before)

    def test_killed(self):
        mett, _ = self.begin_spinning()
        mett.kill()
        mett.communicate(timeout=PATIENCE_S)
        self.expect_nothing_left(self.before)

    def test_its_server_killed(self):
        mett, server = self.begin_spinning()
        os.kill(server, signal.SIGKILL)
        _, err = mett.communicate(timeout=PATIENCE_S)
        self.assertEqual(mett.returncode, UNREACHABLE)
        self.assertIn("server is gone", err)
        self.expect_nothing_left(self.before)

    def test_killed_at_any_moment(self):
        self.write("hello.py", HELLO)
        before = below(os.getpid())
        for delay_ms in range(0, 100, 4):
            mett = self.begin("run", "hello.py", "x")
            try:
                mett.wait(timeout=delay_ms / 1000)
            except subprocess.TimeoutExpired:
                mett.kill()
            mett.communicate(timeout=PATIENCE_S)
        self.expect_nothing_left(before)


if __name__ == "__main__":
    main()
