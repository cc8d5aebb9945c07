"""Start a peer's server on a unix socket, and stop it whatever happens."""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

from obtain import Skipped, last_line

START_S = 20
STOP_S = 10
PR_SET_PDEATHSIG = 1


def launch(arguments, log, environment=None, **options):
    """A child which the terminal's signals do not reach, and which ends when we do."""
    return subprocess.Popen(
        arguments, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        env=dict(os.environ, **(environment or {})),
        preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM), **options)


def answers(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


def stop(server):
    """The server, and whatever it started."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


class Stage:
    """Where a run takes place: its folders, its environment, and what it has to stop."""

    def __init__(self, build, downloads, folder, stack):
        self.build, self.downloads, self.folder, self.stack = build, downloads, folder, stack
        self.servers = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def serve(self, name, arguments, environment=None, until=None, **options):
        """Start a server; it is there once its socket answers, or until() says so."""
        with open(self.path(name + ".log"), "wb") as log:
            server = launch(arguments, log, environment, **options)
        self.stack.callback(stop, server)
        until = until or (lambda: answers(self.path(name)))
        end = time.monotonic() + START_S
        while not until():
            if server.poll() is not None or time.monotonic() > end:
                with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as log:
                    raise Skipped(f"{name} did not start: " + last_line(log.read(), "no word why"))
            time.sleep(0.01)
        return self.path(name)

    def mett_eagle(self):
        """Our own server; one for all of our rows."""
        if "mett-eagle" not in self.servers:
            ready, tell = os.pipe()
            with open(ready, "rb") as line:
                os.set_blocking(ready, False)
                try:
                    self.servers["mett-eagle"] = self.serve(
                        "mett-eagle", [self.build + "/mett-eagle/mett-eagle", "--socket",
                                       self.path("mett-eagle"), "--state", "none",
                                       "--ready-fd", str(tell)],
                        {"LOG_LEVEL": "warn"}, lambda: line.read(), pass_fds=[tell])
                finally:
                    os.close(tell)
        return self.servers["mett-eagle"]
