"""Find a peer's program on this machine, or bring it into a folder of our own.

Nothing is installed into the system: some packages would start a server there at once.
"""
import glob
import os
import shutil
import subprocess
import tempfile

PATIENCE_S = 300
APT = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=1",
       "-o", "Acquire::http::Timeout=20"]
NPM = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save",
       "--fetch-retries=1", "--loglevel=error"]


class Skipped(Exception):
    """Why a peer is left out."""


def last_line(text, default):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else default


def run(arguments, **options):
    """What a command prints; Skipped with its last line when it fails."""
    try:
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S,
                              env=dict(os.environ, LC_ALL="C"), **options)
    except FileNotFoundError:
        raise Skipped(f"there is no {arguments[0]}") from None
    except subprocess.TimeoutExpired:
        raise Skipped(f"{arguments[0]} did not end in {PATIENCE_S} s") from None
    if done.returncode:
        raise Skipped(last_line(done.stderr, f"{arguments[0]} failed"))
    return done.stdout


def missing(package):
    """The package and what it needs, as far as it is not on the machine. What would only be
    replaced by a newer version serves as it is."""
    lines = run([*APT, "install", "--simulate", "--no-install-recommends", package]).splitlines()
    words = [line.split() for line in lines if line.startswith("Inst ")]
    return [word[1] for word in words if not word[2].startswith("[")]


def unpack(package, folder):
    names = missing(package)
    if not names:
        raise Skipped(f"package {package} is installed, but lacks the program")
    run([*APT, "download", *names], cwd=folder)
    for archive in glob.glob(folder + "/*.deb"):
        run(["dpkg", "-x", archive, folder])
        os.remove(archive)


def refresh_and_unpack(package, folder):
    """With the machine's list of packages; when that is old or not there, with a new one."""
    try:
        return unpack(package, folder)
    except Skipped as skipped:
        if os.geteuid():
            raise Skipped(f"{skipped} (to refresh the list of packages takes root)") from None
    run([*APT, "update"])
    return unpack(package, folder)


def bring(folder, fetch):
    """Fill the folder by fetch(FOLDER), wholly or not at all."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=parent, ignore_cleanup_errors=True) as new:
        inner = new + "/content"
        os.mkdir(inner)
        fetch(inner)
        os.rename(inner, folder)


def debian(downloads, package, program):
    """Path of a program, and what its environment needs besides."""
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found:
        return found, {}
    folder = os.path.join(downloads, package)
    try:
        bring(folder, lambda new: refresh_and_unpack(package, new))
    except Skipped as skipped:
        raise Skipped(f"no {program}: {skipped}; install it, as by Debian's package {package}, "
                      "and it is found on the PATH") from None
    found = shutil.which(program, path=f"{folder}/usr/bin:{folder}/usr/sbin:{folder}/bin")
    if not found:
        raise Skipped(f"package {package} has no {program}")
    libraries = glob.glob(folder + "/usr/lib/*-linux-gnu*") + glob.glob(folder + "/lib/*-linux-gnu*")
    return found, {"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {}


def npm(downloads, package, pattern):
    """Path of the file that matches the pattern among what the package brings along."""
    folder = os.path.join(downloads, "npm-" + package)
    try:
        bring(folder, lambda new: run([*NPM, "--prefix", new, "--cache", new + "/.cache", package]))
    except Skipped as skipped:
        raise Skipped(f"no {package}: {skipped}; npm brings it, which Debian's package npm "
                      "installs") from None
    found = glob.glob(os.path.join(folder, "node_modules", pattern))
    if not found:
        raise Skipped(f"package {package} has no program for this machine")
    return found[0]
