"""What tests share of verbs that go on while somebody looks: processes, and terminals to look at."""

import contextlib
import ctypes
import shutil

from harness import *

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
libc = ctypes.CDLL(None)

HELLO = 'def main(arg):\n    return f"Hello, {arg}!"\n'
SPIN = "def main(arg):\n    while True:\n        pass\n"


def soon(condition, what):
    """Wait until @condition() is true, and return what it is."""
    until = time.monotonic() + PATIENCE_S
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > until:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(0.02)


def processes():
    """All there are that live: fields of their status from the state on, by id."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                found[int(name)] = fields
    return found


def below(root):
    """Those that come from a process, at any depth."""
    every, found = processes(), {root}
    while True:
        more = {pid for pid, fields in every.items() if int(fields[1]) in found} - found
        if not more:
            return found - {root}
        found |= more


def busy(root):
    """Those below a process that have used up some time, as one that spins."""
    every = processes()
    return {pid for pid in below(root) if pid in every and int(every[pid][11]) >= 10}


class Living(unittest.TestCase):
    """To be mixed into a test that has a folder: programs that go on, and what they leave."""

    def setUp(self):
        super().setUp()
        # What lost its parent comes to us: so that we see it.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.runtime = os.path.join(self.folder, "run")
        os.mkdir(self.runtime)
        self.environment["XDG_RUNTIME_DIR"] = self.runtime

    def begin(self, *words):
        """mett, with pipes; it ends with the test."""
        process = subprocess.Popen(
            [METT, *words], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.addCleanup(self.finish, process)
        return process

    def finish(self, process):
        """Also what it should have ended."""
        process.kill()
        for pid in below(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()

    def expect_nothing_left(self, before):
        """Neither processes but those that were there before, nor sockets."""
        def left():
            try:
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass
            except ChildProcessError:
                pass
            return below(os.getpid()) - before
        soon(lambda: not left(), lambda: f"processes are left: {left()}")
        soon(lambda: not os.listdir(self.runtime), lambda: f"left: {os.listdir(self.runtime)}")


class Terminal:
    """A terminal of tmux, with a shell in it."""

    def __init__(self, test, columns=100, rows=30):
        if not shutil.which("tmux"):
            test.skipTest("there is no tmux; tools/setup test installs it")
        self.environment = {**test.environment, "TMUX_TMPDIR": test.folder, "PS1": "ready> ",
                            "SHELL": "/bin/sh"}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "-c", test.folder, "sh")
        # By its number: its socket goes with the test's folder.
        test.addCleanup(os.kill, int(self.tmux("display", "-p", "#{pid}")), signal.SIGTERM)
        self.expect("ready>")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-L", "mett", *words], env=self.environment, text=True,
                              check=True, stdout=subprocess.PIPE, timeout=PATIENCE_S).stdout

    def send(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.send("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def expect(self, *texts):
        """Wait until all of them are on the screen, and return it."""
        def all_there():
            screen = self.screen()
            return screen if all(text in screen for text in texts) else None
        return soon(all_there, lambda: f"{texts} are not on the screen:\n{self.screen()}")

    def expect_gone(self, text):
        soon(lambda: text not in self.screen(),
             lambda: f"'{text}' is still on the screen:\n{self.screen()}")
