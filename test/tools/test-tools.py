#!/usr/bin/env python3
"""Test what `make run' and `make test' are made of: tools/setup, tools/run, tools/test.

	test-tools.py BUILD
"""
import importlib.machinery
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else os.path.join(TOP, "build")
PATIENCE_S = 240


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOP, "tools", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


tools_test = load("test")


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mett-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name


class Count(unittest.TestCase):
    def test_tap_is_counted_line_by_line(self):
        count = tools_test.count_tap("1..5\nok 1 - a\n# ok 9 - no\nnot ok 2 - b\n"
                                     "ok 3 - c # SKIP no root\nok 4\nok 5 - d # skipped\nokay\n")
        self.assertEqual(str(count), "2 passed, 1 failed, 2 skipped")
        self.assertEqual(count.failed, ["b"])
        self.assertEqual(count.skipped, ["c: no root", "d: no reason given"])

    def test_a_program_may_skip_all(self):
        count = tools_test.count_tap("1..0 # SKIP no user namespaces\n")
        self.assertEqual(count.skipped, ["all: no user namespaces"])

    def test_a_program_that_dies_is_a_failure(self):
        for result in "FAIL", "ERROR", "TIMEOUT", "INTERRUPT":
            row = {"name": "p", "result": result, "stdout": "1..2\nok 1 - a\n"}
            self.assertEqual(str(tools_test.count_program(row, True)),
                             "1 passed, 1 failed, 0 skipped")
            self.assertEqual(str(tools_test.count_program(row, False)),
                             "0 passed, 1 failed, 0 skipped")

    def test_a_program_without_tap_counts_one(self):
        for result, text in (("OK", "1 passed, 0 failed, 0 skipped"),
                             ("SKIP", "0 passed, 0 failed, 1 skipped")):
            row = {"name": "p", "result": result, "stdout": "not ok 1\nwhy\n"}
            self.assertEqual(str(tools_test.count_program(row, False)), text)

    def test_what_was_not_run_is_a_failure(self):
        rows = [{"name": "x / a", "command": ["a"], "result": "OK", "stdout": "ok 1 - t\n"}]
        count, reports = tools_test.count_log(rows, ["x / a", "y / a"], [["a"]])
        self.assertEqual(str(count), "1 passed, 1 failed, 0 skipped")
        self.assertEqual(count.failed, ["y / a: was not run"])
        self.assertEqual(reports, [])


class Test(Folder):
    """tools/test as a whole, in a project of our own."""

    def run_project(self, programs, source="int main(void) { return 0; }\n", part="gcc"):
        """@programs: name -> (protocol, lines of shell)."""
        build = "project('p', 'c')\nexecutable('main', 'main.c')\n"
        for name, (protocol, script) in programs.items():
            write(f"{self.folder}/{name}", "#!/bin/sh\n" + script, 0o755)
            build += f"test('{name}', find_program('./{name}'), protocol: '{protocol}')\n"
        write(self.folder + "/meson.build", build)
        write(self.folder + "/main.c", source)
        tool = shutil.copy(os.path.join(TOP, "tools", "test"), os.path.join(self.folder, "test"))
        os.mkdir(self.folder + "/tools")
        tool = shutil.move(tool, self.folder + "/tools/test")
        done = subprocess.run([tool, part], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout, done.stdout.splitlines()[-1]

    def test_all_is_well(self):
        status, _, last = self.run_project({
            "tap": ("tap", "printf '1..2\\nok 1 - a\\nok 2 - b\\n'"),
            "plain": ("exitcode", "exit 0"),
        })
        self.assertEqual((status, last), (0, "4 passed, 0 failed, 0 skipped"))

    def test_failures_are_counted_and_shown(self):
        status, output, last = self.run_project({
            "tap": ("tap", "printf '1..3\\nok 1 - a\\nnot ok 2 - b\\nok 3 - c # SKIP tired\\n'\n"
                           "echo '# the reason'"),
            "short": ("tap", "printf '1..2\\nok 1 - a\\n'"),
            "plain": ("exitcode", "echo its words; exit 3"),
            "tired": ("exitcode", "echo no root; exit 77"),
        })
        self.assertEqual((status, last), (1, "3 passed, 3 failed, 2 skipped"))
        for text in ("# the reason", "its words", "FAILED   gcc: tap: b", "FAILED   gcc: plain: ",
                     "FAILED   gcc: short: ", "skipped  gcc: tap: c: tired",
                     "skipped  gcc: tired: all: no root"):
            self.assertIn(text, output)

    def test_a_warning_is_a_failure(self):
        for part in "gcc", "clang":
            if not shutil.which(part):
                continue
            with self.subTest(part):
                status, output, last = self.run_project(
                    {"plain": ("exitcode", "exit 0")}, part=part,
                    source="int main(void) { int unused; return 0; }\n")
                self.assertEqual((status, last), (1, "0 passed, 1 failed, 0 skipped"))
                self.assertIn("unused", output)
            shutil.rmtree(self.folder + "/tools")

    def test_wrong_arguments(self):
        done = subprocess.run([os.path.join(TOP, "tools", "test"), "gdd"], stderr=subprocess.PIPE,
                              text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no part 'gdd'", done.stderr)


class Setup(Folder):
    """tools/setup on a played machine, whose packages are lines of a file."""

    DEBIAN = "ID=debian\nVERSION_ID=\"12\"\n"
    tool = os.path.join(TOP, "tools", "setup")
    environment = {}

    def machine(self, missing, system=DEBIAN, root=True, sudo=True, install="exit 0"):
        bin = self.folder + "/bin"
        for name in "sh", "cat", "mktemp", "rm", "env", "grep", "dirname":
            os.makedirs(bin, exist_ok=True)
            os.symlink(shutil.which(name), f"{bin}/{name}")
        write(self.folder + "/os-release", system)
        write(self.folder + "/missing", "".join(name + "\n" for name in missing))
        write(bin + "/id", f"#!/bin/sh\necho {0 if root else 1000}\n", 0o755)
        write(bin + "/dpkg-query", "#!/bin/sh\n"
              f"while [ $# -gt 1 ]; do shift; done\n"
              f"grep -qx \"$1\" '{self.folder}/missing' || printf installed\n", 0o755)
        write(bin + "/apt-get", "#!/bin/sh\n"
              f"echo \"apt-get $*\" >>'{self.folder}/calls'\n"
              "case $* in *update*) exit 0;; esac\n" + install + "\n", 0o755)
        if sudo:
            write(bin + "/sudo", "#!/bin/sh\n"
                  f"echo sudo >>'{self.folder}/calls'\nexec \"$@\"\n", 0o755)

    def setup(self, *arguments):
        """Exit status, output, and what was called with which packages."""
        done = subprocess.run(["/bin/sh", self.tool, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={"PATH": self.folder + "/bin",
                                   "OS_RELEASE": self.folder + "/os-release",
                                   **self.environment})
        calls = ""
        if os.path.exists(self.folder + "/calls"):
            with open(self.folder + "/calls", encoding="utf-8") as file:
                calls = re.sub(r" -\S+| DPkg\S+", "", file.read())
        return done.returncode, done.stdout, calls.splitlines()

    def test_nothing_missing_calls_nothing(self):
        self.machine([])
        self.assertEqual(self.setup("test"), (0, "", []))

    def test_only_what_is_missing_is_installed(self):
        self.machine(["scdoc", "ninja-build"], install=f": >'{self.folder}/missing'")
        status, _, calls = self.setup()
        self.assertEqual((status, calls), (0, ["apt-get install ninja-build scdoc"]))

    def test_tests_need_more_than_building(self):
        self.machine(["clang"], install=f": >'{self.folder}/missing'")
        self.assertEqual(self.setup("build"), (0, "", []))
        self.assertEqual(self.setup("test")[2], ["apt-get install clang"])

    def test_lists_are_fetched_when_needed(self):
        once = (f"[ -e '{self.folder}/again' ] && : >'{self.folder}/missing' && exit 0\n"
                f": >'{self.folder}/again'; exit 100")
        self.machine(["scdoc"], install=once)
        status, _, calls = self.setup()
        self.assertEqual(status, 0)
        self.assertEqual(calls, ["apt-get install scdoc", "apt-get update",
                                 "apt-get install scdoc"])

    def test_failure_shows_why(self):
        self.machine(["scdoc"], install="echo 'E: no such luck'; exit 100")
        status, output, _ = self.setup()
        self.assertEqual(status, 1)
        self.assertIn("E: no such luck", output)
        self.assertIn("scdoc", output.splitlines()[-1])

    def test_an_install_that_does_nothing_is_noticed(self):
        self.machine(["scdoc"])
        status, output, _ = self.setup()
        self.assertEqual(status, 1)
        self.assertIn("Still missing: scdoc", output)

    def test_users_go_through_sudo(self):
        self.machine(["scdoc"], root=False, install=f": >'{self.folder}/missing'")
        status, _, calls = self.setup()
        self.assertEqual((status, calls), (0, ["sudo", "apt-get install scdoc"]))

    def test_users_without_sudo_are_told(self):
        self.machine(["scdoc"], root=False, sudo=False)
        status, output, calls = self.setup()
        self.assertEqual((status, calls), (1, []))
        self.assertIn("apt-get install --no-install-recommends scdoc", output)

    def test_a_check_installs_nothing(self):
        self.machine(["scdoc"])
        status, output, calls = self.setup("--check")
        self.assertEqual((status, calls), (1, []))
        self.assertIn("missing: scdoc", output)

    def test_elsewhere_it_only_names(self):
        for system in "ID=ubuntu\nVERSION_ID=24.04\n", "ID=debian\nVERSION_ID=11\n", "ID=void\n":
            with self.subTest(system):
                self.machine([], system=system)
                status, output, calls = self.setup("test")
                self.assertEqual((status, calls), (1, []))
                for name in "gcc", "libseccomp-dev", "ninja-build", "clang":
                    self.assertIn(" " + name, output)
                shutil.rmtree(self.folder + "/bin")

    def test_wrong_arguments(self):
        self.machine([])
        self.assertEqual(self.setup("tset")[0], 2)

    def kernel_machine(self, download):
        """A machine with a kernel to fetch, and a copy of the tool to fetch it next to."""
        self.machine([])
        for name in "mkdir", "mv":
            os.symlink(shutil.which(name), f"{self.folder}/bin/{name}")
        write(self.folder + "/bin/apt-cache", "#!/bin/sh\n"
              "printf '%s\\n' \"$2\" '  Depends: linux-image-6.1.0-9'\n", 0o755)
        write(self.folder + "/bin/apt-get", "#!/bin/sh\n"
              f"echo \"apt-get $*\" >>'{self.folder}/calls'\n"
              f"case $* in *download*) {download};; esac\n", 0o755)
        write(self.folder + "/bin/dpkg-deb", "#!/bin/sh\n"
              "mkdir -p \"$3/boot\" && cat \"$2\" >\"$3/boot/vmlinuz-6.1\"\n", 0o755)
        self.tool = os.path.join(self.folder, "tools", "setup")
        os.makedirs(os.path.dirname(self.tool))
        shutil.copy(os.path.join(TOP, "tools", "setup"), self.tool)

    def kernel(self):
        path = self.folder + "/build/kernel/vmlinuz"
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_a_kernel_is_fetched_once(self):
        self.kernel_machine("echo kernel >linux-image-6.1.0-9_1_amd64.deb")
        for _ in range(2):
            status, _, calls = self.setup("qemu")
            self.assertEqual((status, calls), (0, ["apt-get download linux-image-6.1.0-9"]))
            self.assertEqual(self.kernel(), "kernel\n")

    def test_lists_are_fetched_when_the_kernel_needs_them(self):
        self.kernel_machine(f"[ -e '{self.folder}/again' ] && echo kernel >linux-image-6_amd64.deb "
                            f"&& exit 0; : >'{self.folder}/again'; exit 100")
        status, _, calls = self.setup("qemu")
        self.assertEqual((status, self.kernel()), (0, "kernel\n"))
        self.assertEqual(calls[1], "apt-get update")

    def test_a_kernel_that_cannot_be_fetched_is_told(self):
        self.kernel_machine("echo 'E: no such luck'; exit 100")
        status, output, _ = self.setup("qemu")
        self.assertEqual((status, self.kernel()), (1, None))
        self.assertIn("E: no such luck", output)
        self.assertIn("linux-image-cloud-amd64", output.splitlines()[-1])

    def test_a_kernel_of_ones_own_is_enough(self):
        self.kernel_machine("exit 100")
        self.assertEqual(self.setup("qemu")[0], 1)
        self.environment = {"QEMU_KERNEL": "/boot/vmlinuz"}
        self.assertEqual(self.setup("qemu")[:2], (0, ""))

    def test_a_check_fetches_no_kernel(self):
        self.kernel_machine("exit 100")
        status, output, calls = self.setup("--check", "qemu")
        self.assertEqual((status, calls), (1, []))
        self.assertIn("QEMU_KERNEL", output)


class Make(unittest.TestCase):
    def test_a_prefix_that_takes_nothing_is_told_before_anything_is_built(self):
        for variables in ["PREFIX=/dev/null/mett"], ["PREFIX=/mett", "DESTDIR=/dev/null"]:
            done = subprocess.run(["make", "--no-print-directory", "install", *variables],
                                  cwd=TOP, text=True, env={**os.environ, "MAKEFLAGS": ""},
                                  timeout=PATIENCE_S, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("/dev/null takes no files of ours", done.stderr)
            self.assertIn("make install PREFIX=", done.stderr)

    def test_arguments_are_taken_from_before_and_behind(self):
        clean = {name: value for name, value in os.environ.items()
                 if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "CLIENT_ARGS", "BENCH_ARGS")}
        for target, name in {"run": "CLIENT_ARGS", "qemu": "CLIENT_ARGS",
                             "bench": "BENCH_ARGS"}.items():
            for arguments, environment in ([f"{name}=--given"], {}), ([], {name: "--given"}):
                with self.subTest(name, target=target, arguments=arguments):
                    done = subprocess.run(["make", "--dry-run", target, *arguments], cwd=TOP,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                          text=True, env={**clean, **environment})
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.assertIn("--given", done.stdout)


class Run(Folder):
    def start(self, *arguments, **environment):
        run = subprocess.Popen([os.path.join(TOP, "tools", "run"), BUILD, *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, TMPDIR=self.folder, LOG_LEVEL="info",
                                        **environment))
        self.addCleanup(run.kill)
        return run

    def run_to_end(self, *arguments, **environment):
        run = self.start(*arguments, **environment)
        output, complaints = run.communicate(timeout=PATIENCE_S)
        self.assertEqual(os.listdir(self.folder), [])
        return run.returncode, output, complaints

    def start_endless(self):
        """A run that would go on for half an hour, and its server's process id."""
        run = self.start("--iterations=100K", "--rate=50", "--summary")
        for line in run.stderr:
            match = re.search(r"mett-eagle\[(\d+)\].* listening at", line)
            if match:
                # Let it measure something.
                time.sleep(1)
                return run, int(match[1])
        self.fail("no server came up")

    def expect_gone(self, pid):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except (FileNotFoundError, ProcessLookupError):
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        self.fail("the server is still there")

    def test_the_summary_is_printed(self):
        status, output, _ = self.run_to_end("--iterations=10", "--summary")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"10 answered")

    def test_the_status_is_the_clients(self):
        self.assertEqual(self.run_to_end("--no-such-option")[0], 2)
        self.assertEqual(self.run_to_end("--iterations=1", "--function=exit", "--summary")[0], 1)

    def test_a_server_that_does_not_start_is_told(self):
        status, _, complaints = self.run_to_end("--iterations=1", SERVER_ARGS="--cores=1023")
        self.assertEqual(status, 3)
        self.assertIn("core 1023 is not there", complaints)

    def test_signals_end_client_and_server(self):
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            with self.subTest(number):
                run, server = self.start_endless()
                run.send_signal(number)
                output, _ = run.communicate(timeout=PATIENCE_S)
                self.assertEqual(run.returncode, 1)
                self.assertRegex(output, r"[1-9]\d* answered")
                self.expect_gone(server)
                self.assertEqual(os.listdir(self.folder), [])

    def test_a_killed_run_leaves_no_server(self):
        run, server = self.start_endless()
        run.kill()
        run.communicate(timeout=PATIENCE_S)
        self.expect_gone(server)


if __name__ == "__main__":
    unittest.main()
