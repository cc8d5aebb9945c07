"""Tries one way out of the sandbox, and answers the errno of the attempt, or 0 when it succeeded."""
import ctypes
import os

LIBRARY = ctypes.__file__
libc = ctypes.CDLL(None, use_errno=True)
CALLS = {"chroot": 161, "pivot_root": 155, "mount": 165, "umount2": 166, "open_tree": 428,
         "move_mount": 429, "mount_setattr": 442, "setns": 308, "unshare": 272,
         "open_by_handle_at": 304, "name_to_handle_at": 303, "openat2": 437, "ptrace": 101,
         "fspick": 433, "fsopen": 430, "mknod": 133, "inotify_init1": 294, "fanotify_init": 300,
         "bind": 49, "connect": 42, "io_uring_setup": 425, "setxattr": 188, "execveat": 322}


def files():
    for folder, folders, names in os.walk("/"):
        yield folder
        for name in names:
            yield os.path.join(folder, name)


def opens(path, flags):
    os.close(os.open(path, flags, 0o600))


def writable():
    """Whatever can be opened to write, and each mount that is not read-only or honours suid."""
    for path in files():
        if os.path.islink(path):
            continue
        flags = os.statvfs(path).f_flag
        if not (flags & os.ST_RDONLY and flags & os.ST_NOSUID and flags & os.ST_NODEV):
            return path
        if os.access(path, os.W_OK):
            return path
    return ""


def special():
    """Whatever is neither file, folder nor link."""
    import stat
    return [path for path in files() if not stat.S_IFMT(os.lstat(path).st_mode) in
            (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)]


def climb():
    """Above the root there is the root."""
    root = os.stat("/")
    os.chdir("/")
    for _ in range(64):
        os.chdir("..")
    above = os.stat("../../../..")
    return (root.st_ino, root.st_dev) == (above.st_ino, above.st_dev) and os.getcwd() == "/"


ATTEMPTS = {
    "passwd": lambda: opens("/etc/passwd", os.O_RDONLY),
    "climb-passwd": lambda: opens("/usr/../../../../etc/passwd", os.O_RDONLY),
    "proc": lambda: opens("/proc/self/root", os.O_RDONLY),
    "dev": lambda: opens("/dev/null", os.O_RDWR),
    "create": lambda: opens("/new", os.O_RDWR | os.O_CREAT),
    "create-below": lambda: opens("/usr/lib/new", os.O_RDWR | os.O_CREAT),
    "create-stdlib": lambda: opens(LIBRARY + ".new", os.O_RDWR | os.O_CREAT),
    "nameless": lambda: opens("/", os.O_RDWR | os.O_TMPFILE),
    "write-stdlib": lambda: opens(LIBRARY, os.O_WRONLY),
    "mkdir": lambda: os.mkdir("/new"),
    "unlink": lambda: os.unlink(LIBRARY),
    "rename": lambda: os.rename(LIBRARY, "/usr/lib/os.py"),
    "chmod": lambda: os.chmod(LIBRARY, 0o777),
    "utime": lambda: os.utime(LIBRARY),
    "socket": lambda: __import__("socket").socket(),
    "run": lambda: os.execv("/lib64/ld-linux-x86-64.so.2", ["x"]),
    "fork": lambda: os.fork(),
    "kill": lambda: os.kill(1, 0),
    "shared": lambda: __import__("mmap").mmap(-1, 4096),
    "memfd": lambda: os.memfd_create("x"),
}


def main(arg):
    if arg == "":
        return list(ATTEMPTS)
    if arg == "calls":
        return list(CALLS)
    if arg in ("climb", "special", "writable"):
        return str(globals()[arg]())
    if arg == "root":
        return sorted(os.listdir("/"))
    if arg == "descriptors":
        return [fd for fd in range(1024) if is_open(fd)]
    if arg in CALLS:
        libc.syscall(CALLS[arg], -1, 0, 0, 0, 0, 0)
        return str(ctypes.get_errno())
    try:
        ATTEMPTS[arg]()
    except OSError as error:
        return str(error.errno)
    return "0"


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
