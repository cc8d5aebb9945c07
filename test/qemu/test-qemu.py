#!/usr/bin/env python3
"""Test tools/qemu, with real guests and with a played QEMU. Output is TAP.

	test-qemu.py BUILD
"""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(TOP, "tools", "qemu")
BEGIN, END = "====   OUTPUT   ====\n", "==== END OUTPUT ====\n"
PATIENCE_S = 240
CANNOT_BOOT = 4

def load(name, path):
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


tools_qemu = load("qemu", TOOL)
check_output = load("check_output", os.path.join(TOP, "mett-eagle-client", "test",
                                                 "check-output.py"))


class Run:
    """A guest that has ended: status, output, complaints."""

    def __init__(self, *arguments, **environment):
        done = subprocess.run([TOOL, BUILD, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**GUESTS, **environment})
        self.status = done.returncode
        # Not as text, which would forgive a line that adds carriage returns.
        self.output, self.complaints = done.stdout.decode(), done.stderr.decode()

    def expect(self, status, complaint=""):
        assert self.status == status, f"status {self.status}, not {status}: {self.complaints}"
        assert complaint in self.complaints, f"no '{complaint}' in: {self.complaints}"
        return self


def check_block(run, clients, iterations):
    assert run.output.startswith(BEGIN) and run.output.endswith(END), run.output[:200]
    check_output.check(run.output, clients, clients * iterations)


def each_client_has_its_core(cores):
    run = Run(f"--threads={cores}", "--iterations=20", QEMU_OPTIONS=f"-smp {cores}",
              SERVER_ARGS="--core-policy refuse").expect(0)
    check_block(run, cores, 20)


def four_clients_on_four_cores():
    each_client_has_its_core(4)


def eight_clients_on_eight_cores():
    each_client_has_its_core(8)


def a_client_without_a_core_is_refused():
    run = Run("--threads=3", "--iterations=20", QEMU_OPTIONS="-smp 2",
              SERVER_ARGS="--core-policy refuse").expect(1, "all 2 cores have a client")
    assert run.output == "", run.output


def the_status_is_the_clients():
    run = Run("--no-such-option").expect(2, "unrecognized option '--no-such-option'")
    assert run.output == "", run.output


def failed_invocations_are_told():
    run = Run("--iterations=3", "--function=crash", "--summary").expect(1)
    assert "3 failed: crashed" in run.output, run.output


def a_server_that_does_not_start_is_told():
    Run(SERVER_ARGS="--cores=1023").expect(3, "core 1023 is not there")


def a_panic_is_told_with_the_consoles_last_words():
    Run(QEMU_OPTIONS="-append 'console=ttyS0 panic=-1 rdinit=/no'").expect(3, "Kernel panic")


def a_guest_that_goes_on_is_given_up():
    Run("--iterations=100K", "--rate=1", QEMU_TIMEOUT="1").expect(3, "did not end within 1 s")


def what_is_missing_is_told():
    Run(QEMU_KERNEL="/no/kernel").expect(CANNOT_BOOT, "cannot read the kernel /no/kernel")
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(sys.executable, folder + "/python3")
        Run(PATH=folder).expect(CANNOT_BOOT, "there is no qemu-system-x86_64")


def played(folder, script):
    """A QEMU that is none, and /dev/kvm."""
    path = folder + "/qemu-system-x86_64"
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + script + "\n")
    os.chmod(path, 0o755)
    tools_qemu.MACHINE = [path]
    tools_qemu.KVM = path


def kvm_is_used_if_a_kernel_ends_in_it():
    tools_qemu.TRIAL_S = 1
    with tempfile.TemporaryDirectory() as folder:
        for script, works in ("exit 0", True), ("kill -ABRT $$", False), ("exec sleep 60", False):
            played(folder, f"case $* in *'-accel kvm'*'-kernel K '*) {script};; esac; exit 9")
            assert tools_qemu.kvm_works("K") == works, script
        tools_qemu.KVM = folder + "/none"
        assert not tools_qemu.kvm_works("K")


BOOTING = [four_clients_on_four_cores, eight_clients_on_eight_cores,
           a_client_without_a_core_is_refused, the_status_is_the_clients,
           failed_invocations_are_told, a_server_that_does_not_start_is_told,
           a_panic_is_told_with_the_consoles_last_words, a_guest_that_goes_on_is_given_up]
OTHERS = [what_is_missing_is_told, kvm_is_used_if_a_kernel_ends_in_it]


def why_not():
    """Why no guest can be booted here."""
    try:
        tools_qemu.find_qemu()
        tools_qemu.find_kernel()
        return ""
    except tools_qemu.Failure as failure:
        return str(failure)


def passes(test):
    try:
        test()
        return True
    except Exception:
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
        return False


def main():
    reason = why_not()
    good = True
    print(f"1..{len(BOOTING + OTHERS)}")
    for number, test in enumerate(BOOTING + OTHERS, 1):
        skipped = bool(reason) and test in BOOTING
        passed = skipped or passes(test)
        print("ok" if passed else "not ok", number, "-", test.__name__ +
              (f" # SKIP {reason}" if skipped else ""), flush=True)
        good = good and passed
    return not good


if __name__ == "__main__":
    BUILD = os.path.abspath(sys.argv[1])
    # What KVM is like is found out once, not for each guest.
    GUESTS = {name: value for name, value in os.environ.items()
              if not name.startswith("QEMU_") or name in ("QEMU_KERNEL", "QEMU_ACCEL")}
    GUESTS.update(LOG_LEVEL="warn", QEMU_TIMEOUT=str(PATIENCE_S))
    if not why_not():
        GUESTS["QEMU_ACCEL"] = tools_qemu.choose_accelerator(tools_qemu.find_kernel())
    sys.exit(main())
