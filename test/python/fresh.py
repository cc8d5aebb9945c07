"""Says which traces of an earlier call it finds, and leaves all there can be."""
import atexit
import gc
import os
import signal
import sys

seen = []
number = 0


class Thing:
    shared = []


def main(arg, kept=[]):
    global number
    traces = {
        "global": seen != [] or number != 0,
        "default": kept != [],
        "class": Thing.shared != [],
        "module": "left" in sys.modules or hasattr(os, "left"),
        "builtin": hasattr(__builtins__, "left") if not isinstance(__builtins__, dict)
        else "left" in __builtins__,
        "environment": "LEFT" in os.environ,
        "folder": os.getcwd() != "/",
        "signal": signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL,
        "timer": signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0),
        "atexit": atexit._ncallbacks() != 0,
        "path": "/left" in sys.path,
        "files": os.path.exists("/tmp/left") or os.path.exists("left"),
        "recursion": sys.getrecursionlimit() != 1000,
        "collector": not gc.isenabled(),
        "stdout": sys.stdout is not sys.__stdout__,
        "function": main.__doc__ is not None,
        "descriptor": is_open(9),
    }
    seen.append(arg)
    number += 1
    kept.append(arg)
    Thing.shared.append(arg)
    sys.modules["left"] = os
    os.left = arg
    __import__("builtins").left = arg
    os.environ["LEFT"] = arg
    os.chdir("/usr")
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    atexit.register(print, "left")
    sys.path.append("/left")
    for path in ("/tmp/left", "left"):
        try:
            open(path, "w").write(arg)
        except OSError:
            pass
    sys.setrecursionlimit(2000)
    gc.disable()
    sys.stdout = sys.stderr
    main.__doc__ = "left"
    os.dup2(0, 9)
    return sorted(name for name in traces if traces[name])


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
