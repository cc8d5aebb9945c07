"""What the tests of the command share: a folder, a server, the command itself, TAP."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

BUILD = os.path.abspath(sys.argv[1])
METT = os.path.join(BUILD, "mett", "mett")
SERVER = os.path.join(BUILD, "mett-eagle", "mett-eagle")
RECORDER = os.path.join(BUILD, "recorder", "mett-recorder")
PATIENCE_S = 240

GOOD, FAILED, USAGE, UNREACHABLE, REFUSED = range(5)

PYTHON = 'def main(name):\n    print("log of", name)\n    return f"Hello, {name}!"\n'


class Folder(unittest.TestCase):
    """Each test in a new folder, with an environment that holds nothing of the user's."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="mett-test-")
        self.folder = self.directory.name
        self.environment = {
            "PATH": os.path.dirname(METT) + ":" + os.environ["PATH"],
            "HOME": self.folder,
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "METT_SOCKET": os.path.join(self.folder, "socket"),
            "PKG_CONFIG_PATH": os.path.join(BUILD, "test", "integration"),
        }
        for name in ["ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"]:
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def tearDown(self):
        self.directory.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def mett(self, *words, status=GOOD, input="", environment=None, text=True, **options):
        done = subprocess.run([METT, *words], cwd=self.folder, text=text, timeout=PATIENCE_S,
                              input=input, stdout=options.pop("stdout", subprocess.PIPE),
                              stderr=subprocess.PIPE,
                              env={**self.environment, **(environment or {})}, **options)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        return done

    def says(self, status, *words_and_parts, **options):
        """mett("a", "b", says="part"): the error must hold each part of the last list."""
        *words, parts = words_and_parts
        done = self.mett(*words, status=status, **options)
        for part in [parts] if isinstance(parts, str) else parts:
            self.assertIn(part, done.stderr)
        return done

    def on_terminal(self, *words, columns=80, environment=None, status=GOOD,
                    errors="strict"):
        """What a terminal of so many columns shows of both outputs; the input is it too."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([METT, *words], cwd=self.folder, stdin=follower, stdout=follower,
                              stderr=follower,
                              env={**self.environment, **(environment or {})}) as process:
            os.close(follower)
            text, end = b"", time.monotonic() + PATIENCE_S
            while select.select([leader], [], [], max(0, end - time.monotonic()))[0]:
                try:
                    piece = os.read(leader, 4096)
                except OSError:
                    break
                if not piece:
                    break
                text += piece
            os.close(leader)
        self.assertEqual(process.returncode, status, text)
        return text.decode(errors=errors).replace("\r\n", "\n")


class WithServer(Folder):
    """Each test with a server of its own, and a recorder if it wants one; they must end well."""

    arguments = []
    state = True
    recorder = False

    def setUp(self):
        super().setUp()
        self.log = open(os.path.join(self.folder, "server.log"), "w+", encoding="utf-8")
        self.servers = []
        self.start(SERVER, "--state", os.path.join(self.folder, "state") if self.state else "none",
                   *self.arguments)
        if self.recorder:
            self.start(RECORDER, "--state", self.folder)

    def start(self, program, *arguments):
        ready, tell = os.pipe()
        self.servers.append(subprocess.Popen(
            [program, "--socket", self.environment["METT_SOCKET"], "--ready-fd", str(tell),
             *arguments], pass_fds=[tell], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, env={**self.environment, "LOG_LEVEL": "warn"}))
        os.close(tell)
        with open(ready, encoding="utf-8") as file:
            line = file.readline()
        if not line:
            self.fail(f"{program} does not start: {self.server_log()}")

    def server_log(self):
        self.log.seek(0)
        return self.log.read()

    def tearDown(self):
        for server in reversed(self.servers):
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(timeout=PATIENCE_S), 0, self.server_log())
        self.log.close()
        super().tearDown()

    def deploy(self, *options, name="hello", text=PYTHON):
        self.write(name + ".py", text)
        return self.mett("deploy", name + ".py", *options)

    def wait_for_running(self, name, count):
        end = time.monotonic() + PATIENCE_S
        while (running := json.loads(self.mett("show", "-j", name).stdout)["running"]) != count:
            self.assertLess(time.monotonic(), end, running)
            time.sleep(0.05)


class Tap(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, word, test, more=""):
        self.number += 1
        print(f"{word} {self.number} - {type(test).__name__}.{test._testMethodName}{more}",
              flush=True)

    def complain(self, test, error):
        for line in self._exc_info_to_string(error, test).splitlines():
            print("#", line)
        self.line("not ok", test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, f" # SKIP {reason}")

    def addError(self, test, err):
        super().addError(test, err)
        self.complain(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.complain(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.complain(test, err)


def may_serve():
    """Why no server can run here, or None: under the thread sanitizer only root has one."""
    done = subprocess.run([SERVER, "--check"], capture_output=True, text=True)
    return None if os.geteuid() == 0 or done.returncode == 0 else done.stdout + done.stderr


def main():
    """Run the tests of the program that was started; further words choose among them by name."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    tests = [test for group in suite for test in group
             if not sys.argv[2:] or any(word in test.id() for word in sys.argv[2:])]
    reason = may_serve()
    if reason:
        tests = [test for test in tests if not isinstance(test, WithServer)]
    result = Tap()
    for test in tests:
        test(result)
    print(f"1..{result.number}" + (f" # servers were skipped: {reason.splitlines()[-1]}" if reason
                                   else ""))
    sys.exit(not result.wasSuccessful())
