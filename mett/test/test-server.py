#!/usr/bin/env python3
"""The command with a server of its own: test-server.py BUILD [TEST]..."""

import json
import os
import re
import signal
import subprocess
import time

from harness import *

SLEEPER = "import time\n\ndef main(arg):\n    time.sleep(float(arg))\n    return arg\n"
FAILING = 'def main(arg):\n    print("before it failed")\n    raise ValueError("no " + arg)\n'
BYTES = "def main(arg: bytes) -> bytes:\n    return arg[::-1]\n"
SHELL = '#!/bin/sh\necho "$GREETING, $(cat)!"\n'


class Deploy(WithServer):
    def test_and_the_next_version(self):
        size = len(PYTHON)
        self.assertEqual(self.deploy().stdout, f"hello: version 1 is deployed (python, {size} B)\n")
        self.assertEqual(self.deploy().stdout, "hello: unchanged, version 1\n")
        self.assertEqual(self.deploy("--timeout=2s").stdout,
                         f"hello: version 2 is deployed (python, {size} B)\n")
        self.assertEqual(self.deploy("--timeout=2s", text=PYTHON + "\n").stdout,
                         f"hello: version 3 is deployed (python, {size + 1} B)\n")

    def test_options_that_are_gone_are_told(self):
        done = f"is deployed (python, {len(PYTHON)} B)\n"
        self.deploy("--timeout=2s", "--memory=64M", "--concurrency=3", "--policy=reuse",
                    "--grant=system", "--grant=env:A=b", "--grant=env:C=d")
        self.assertEqual(self.deploy("--timeout=1s", "--memory=64M", "--concurrency=3",
                                     "--policy=reuse", "--grant=system", "--grant=env:A=e",
                                     "--grant=env:C=d").stdout, "hello: version 2 " + done)
        self.assertEqual(self.deploy("--timeout=1s", "--grant=env:A=e").stdout,
                         "~ hello: policy reuse -> fork, memory 64 MiB -> none, "
                         "concurrency 3 -> 0 (0: unlimited), system not granted, env C gone\n"
                         "hello: version 3 " + done)
        self.assertEqual(self.deploy("--timeout=1s").stdout,
                         "~ hello: env A gone\nhello: version 4 " + done)
        self.assertEqual(self.deploy().stdout,
                         "~ hello: timeout 1 s -> none\nhello: version 5 " + done)
        self.assertEqual(self.deploy("--memory=1G").stdout, "hello: version 6 " + done)

    def test_every_kind_of_file(self):
        for name in ["a.c", "b.cc", "c.py"]:
            self.mett("new", name)
            self.mett("deploy", name)
            self.assertEqual(self.mett("invoke", name[0], "you").stdout, "Hello, you!")
        self.mett("new", "d.sh")
        self.mett("deploy", "d.sh", "--grant", "system")
        self.assertEqual(self.mett("invoke", "d", "you").stdout, "Hello, you!\n")

    def test_every_option(self):
        self.deploy("--name", "other", "--language=python", "--timeout=200ms", "--memory=64M",
                    "--policy=spawn", "--grant=env:A=b c", "--grant=env:D=", "--concurrency=8")
        shown = json.loads(self.mett("show", "--json", "other").stdout)
        self.assertEqual((shown["name"], shown["version"]), ("other", 1))
        version = shown["versions"][0]
        for key, value in {"language": "python", "policy": "spawn", "timeout_us": 200000,
                           "memory": 64 << 20, "concurrency": 8, "current": True,
                           "grants": ["env:A=b c", "env:D="], "size": len(PYTHON)}.items():
            self.assertEqual(version[key], value, key)

    def test_a_full_disk(self):
        self.write("hello.py", PYTHON)
        with open("/dev/full", "w", encoding="ascii") as full:
            self.says(FAILED, "deploy", "hello.py", "No space left on device", stdout=full)

    def test_the_environment_gets_there(self):
        self.write("f.py", "import os\n\ndef main(arg):\n    return os.environ[arg]\n")
        self.mett("deploy", "f.py", "-g", "env:A=b c", "-g", "env:A=d")
        self.assertEqual(self.mett("invoke", "f", "A").stdout, "d")
        self.write("g.sh", SHELL)
        self.mett("deploy", "g.sh", "-gsystem", "-genv:GREETING=Hi")
        self.assertEqual(self.mett("invoke", "g", "you").stdout, "Hi, you!\n")

    def test_an_environment_that_is_no_text(self):
        self.write("f.py", "import os\n\ndef main(arg):\n    return os.environb[b'A']\n")
        done = subprocess.run([METT, "deploy", "f.py", b"--grant=env:A=\xff\x1b"],
                              cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL)
        self.assertEqual(done.returncode, GOOD)
        self.assertEqual(self.mett("invoke", "f", text=False, input=b"").stdout, b"\xff\x1b")
        shown = json.loads(self.mett("show", "-j", "f").stdout)
        self.assertEqual(shown["versions"][0]["grants"], [{"grant_base64": "ZW52OkE9/xs="}])
        self.assertNotIn("\033", self.on_terminal("show", "f", environment={"NO_COLOR": "1"},
                                                  errors="replace"))

    def test_json(self):
        rows = json.loads(self.deploy("--json").stdout)
        self.assertEqual([(row["name"], row["change"], row["version"], row["deployed"])
                          for row in rows], [("hello", "new", 1, True)])
        rows = json.loads(self.deploy("--json").stdout)
        self.assertEqual([(row["change"], row["version"], row["deployed"]) for row in rows],
                         [("none", 1, False)])

    def test_what_the_server_refuses(self):
        self.write("bad.py", "def main(arg:\n")
        self.says(REFUSED, "deploy", "bad.py", "bad")
        self.write("elf", "\177ELF nonsense")
        self.says(REFUSED, "deploy", "elf", "elf")
        self.assertEqual(json.loads(self.mett("list", "--json").stdout), [])


class WithoutState(WithServer):
    state = False

    def test_what_cannot_be_compared_is_deployed(self):
        self.deploy()
        self.assertIn("version 2 is deployed", self.deploy().stdout)
        self.assertEqual(self.mett("deploy", "--dry-run", "hello.py").stdout,
                         "~ hello: program (the server keeps no digest to compare)\n")


class Invoke(WithServer):
    def setUp(self):
        super().setUp()
        self.deploy()

    def test_the_word(self):
        self.assertEqual(self.mett("invoke", "hello", "world").stdout, "Hello, world!")
        self.assertEqual(self.mett("invoke", "hello", "").stdout, "Hello, !")
        self.assertEqual(self.mett("invoke", "hello", "--", "--time").stdout, "Hello, --time!")

    def test_a_file_and_the_input(self):
        self.write("argument", "file")
        self.assertEqual(self.mett("invoke", "hello", "-f", "argument").stdout, "Hello, file!")
        self.assertEqual(self.mett("invoke", "hello", input="pipe").stdout, "Hello, pipe!")
        self.assertEqual(self.mett("invoke", "hello", "-f-", input="pipe").stdout, "Hello, pipe!")
        self.assertEqual(self.on_terminal("invoke", "hello"), "Hello, !\n")
        self.says(USAGE, "invoke", "-f", "x", "hello", "word", "the argument is there twice")
        self.says(REFUSED, "invoke", "-f", "nope", "hello", "cannot read 'nope': No such file")
        self.says(REFUSED, "invoke", "-f", ".", "hello", "cannot read '.': Is a directory")

    def test_bytes(self):
        self.deploy(name="bytes", text=BYTES)
        data = bytes(range(256)) * 4096
        done = self.mett("invoke", "bytes", input=data, text=False)
        self.assertEqual(done.stdout, data[::-1])
        result = json.loads(self.mett("invoke", "--json", "bytes", input=b"\xff\x00",
                                      text=False).stdout)
        self.assertEqual(result["answer_base64"], "AP8=")
        self.assertNotIn("answer", result)

    def test_too_large_an_argument(self):
        with open(os.path.join(self.folder, "large"), "wb") as file:
            file.truncate((16 << 20) + 1)
        self.says(REFUSED, "invoke", "-f", "large", "hello", "'large' has more than 16777216 bytes")

    def test_json(self):
        result = json.loads(self.mett("invoke", "-j", "hello", "world").stdout)
        self.assertEqual(result["answer"], "Hello, world!")
        phases = result["phases_ns"]
        self.assertEqual(list(phases), ["send", "worker", "runtime", "function", "end", "receive",
                                        "whole"])
        self.assertEqual(sum(phases.values()), 2 * phases["whole"])

    def test_failures(self):
        self.deploy(name="failing", text=FAILING)
        done = self.says(FAILED, "invoke", "failing", "luck", ["mett: ", "no luck",
                                                               "before it failed\n"])
        self.assertEqual(done.stdout, "")
        done = self.mett("invoke", "--json", "failing", "luck", status=FAILED)
        result = json.loads(done.stdout)
        self.assertEqual((result["error"]["reason"], result["error"]["detail"]), ("failed", 1))
        self.assertIn("before it failed", result["log"])

    def test_limits(self):
        self.deploy(name="sleeper", text=SLEEPER)
        self.says(FAILED, "invoke", "--timeout=50ms", "sleeper", "30", "within 50 ms")
        self.deploy("--timeout=60ms", name="sleeper", text=SLEEPER)
        self.says(FAILED, "invoke", "sleeper", "30", "within 60 ms")

    def test_no_such_action(self):
        done = self.says(REFUSED, "invoke", "--time", "helo", "x",
                         ["'helo'", "Did you mean 'hello'?"])
        self.assertNotIn("whole", done.stderr)
        self.says(REFUSED, "invoke", "zzzzzz", "x", ["'zzzzzz'", "'mett list' shows what there is"])
        self.says(REFUSED, "invoke", "a/b", "x", "a/b")

    def test_the_phases(self):
        done = self.mett("invoke", "--time", "hello", "world")
        self.assertEqual(done.stdout, "Hello, world!")
        lines = done.stderr.splitlines()
        self.assertEqual([line.split()[0] for line in lines],
                         ["send", "worker", "runtime", "function", "end", "receive", "whole"])
        for line in lines[:-1]:
            self.assertRegex(line, r"^\w+ +[\d.]+ (ns|us|ms|s) +\u2588+$|^\w+ +0 ns +$")
        self.assertLessEqual(max(map(len, lines)), 79)
        plain = self.mett("invoke", "-t", "hello", "x", environment={"LC_ALL": "C"}).stderr
        self.assertIn("#", plain)
        plain.encode("ascii")
        for columns in [20, 40, 200]:
            shown = self.on_terminal("invoke", "-t", "hello", "x", columns=columns)
            bars = [re.sub("\033\\[\\d*m", "", line) for line in shown.splitlines()[1:]]
            self.assertLessEqual(max(map(len, bars)), columns)

    def test_a_full_disk(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            self.says(FAILED, "invoke", "hello", "x", "cannot write", stdout=full)


class Interrupt(WithServer):
    def interrupt(self, number, status):
        process = subprocess.Popen([METT, "invoke", "sleeper", "60"], cwd=self.folder,
                                   env=self.environment, stderr=subprocess.PIPE, text=True)
        self.wait_for_running("sleeper", 1)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, status)
        self.assertIn("interrupted: the invocation of 'sleeper' is cancelled", said)
        self.wait_for_running("sleeper", 0)

    def test_ends_it_on_the_server(self):
        self.deploy(name="sleeper", text=SLEEPER)
        self.interrupt(signal.SIGINT, 130)
        self.interrupt(signal.SIGTERM, 143)


class Versions(WithServer):
    def test_rollback(self):
        for number in range(1, 4):
            self.deploy(text=f"def main(arg):\n    return '{number}'\n")
        self.assertEqual(self.mett("invoke", "hello", "").stdout, "3")
        self.assertEqual(self.mett("rollback", "hello").stdout, "hello: version 2 is current\n")
        self.assertEqual(self.mett("invoke", "hello", "").stdout, "2")
        self.assertEqual(json.loads(self.mett("rollback", "-j", "hello", "1").stdout),
                         {"name": "hello", "version": 1})
        self.assertEqual(self.mett("invoke", "hello", "").stdout, "1")
        self.says(REFUSED, "rollback", "hello", "9", ["9", "'mett show hello' lists"])
        self.says(REFUSED, "rollback", "hello", "'mett show hello' lists")
        done = self.says(REFUSED, "rollback", "helo", ["'helo'", "Did you mean 'hello'?"])
        self.assertNotIn("create it", done.stderr)
        self.assertIn("version 4", self.deploy().stdout)

    def test_show(self):
        self.deploy("--timeout=1s", "--memory=64M", "--grant=env:A=b")
        self.deploy("--concurrency=3")
        self.mett("invoke", "hello", "x")
        shown = self.mett("show", "hello").stdout
        for line in [r"hello", r"language     python", r"policy       fork", r"timeout      none",
                     r"memory       no limit", r"concurrency  3", r"grants       none",
                     r"calls        1, 0 failed",
                     r"      1           20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +\d+ B  .+",
                     r"      2  current  20\d\d-.*"]:
            self.assertRegex(shown, f"(?m)^{line}$")
        self.says(REFUSED, "show", "helo", ["'helo'", "Did you mean 'hello'?"])

    def test_delete(self):
        self.deploy()
        self.deploy(name="other")
        self.says(REFUSED, "delete", "helo", ["'helo'", "Did you mean 'hello'?"])
        self.assertEqual(self.mett("delete", "hello", "other").stdout,
                         "hello: deleted\nother: deleted\n")
        self.assertEqual(self.mett("list").stdout,
                         "No action is deployed; 'mett deploy FILE' does it.\n")
        self.deploy()
        self.assertEqual(json.loads(self.mett("delete", "-j", "hello").stdout),
                         {"deleted": ["hello"]})


class Plans(WithServer):
    def plan(self, text):
        self.write("mett.yaml", text)

    def test_a_diff_and_then_it_is_done(self):
        self.write("a.py", PYTHON)
        self.write("b.py", PYTHON)
        self.plan("functions:\n  a: a.py\n  b:\n    file: b.py\n    timeout: 200ms\n"
                  "    memory: 64M\n    grant: env:A=b\n    concurrency: 2\n")
        size = f"{len(PYTHON)} B"
        new = (f"+ a: new: python, {size}, fork\n"
               f"+ b: new: python, {size}, fork, timeout 200 ms, memory 64 MiB, concurrency 2, "
               "env A set\n")
        self.assertEqual(self.mett("deploy", "--dry-run").stdout, new)
        self.assertEqual(self.mett("list", "-j").stdout, "[]\n")
        self.assertEqual(self.mett("deploy").stdout,
                         new + f"a: version 1 is deployed (python, {size})\n"
                         f"b: version 1 is deployed (python, {size})\n")
        self.assertEqual(self.mett("deploy").stdout,
                         "= a: unchanged, version 1\n= b: unchanged, version 1\n")
        self.write("a.py", PYTHON + "#\n")
        self.plan("functions:\n  a: a.py\n  b:\n    file: b.py\n    timeout: 1s\n"
                  "    policy: reuse\n    grant: [system, 'env:C=d']\n")
        self.assertEqual(self.mett("deploy", "--dry-run").stdout,
                         f"~ a: program {size} -> {len(PYTHON) + 2} B\n"
                         "~ b: policy fork -> reuse, timeout 200 ms -> 1 s, memory 64 MiB -> none, "
                         "concurrency 2 -> 0 (0: unlimited), system granted, env C set, env A gone\n")
        self.mett("deploy")
        rows = {row["name"]: row for row in json.loads(self.mett("list", "-j").stdout)}
        self.assertEqual((rows["a"]["version"], rows["b"]["version"], rows["b"]["policy"]),
                         (2, 2, "reuse"))

    def test_prune(self):
        self.deploy(name="old")
        self.write("a.py", PYTHON)
        self.plan("functions: {a: a.py}\n")
        self.mett("deploy")
        self.assertEqual(self.mett("deploy", "--prune", "--dry-run").stdout,
                         "= a: unchanged, version 1\n- old: deleted, with all its versions\n")
        self.assertIn("old: deleted\n", self.mett("deploy", "--prune").stdout)
        self.assertEqual([row["name"] for row in json.loads(self.mett("list", "-j").stdout)], ["a"])

    def test_nothing_is_done_when_a_file_is_wrong(self):
        self.write("a.py", PYTHON)
        self.plan("functions: {a: a.py, b: nope.py}\n")
        self.says(REFUSED, "deploy", "cannot open 'nope.py'")
        self.assertEqual(self.mett("list", "-j").stdout, "[]\n")

    def test_json(self):
        self.write("a.py", PYTHON)
        self.deploy(name="old")
        self.plan("functions: {a: a.py}\n")
        rows = json.loads(self.mett("deploy", "-j", "--prune", "--dry-run").stdout)
        self.assertEqual([(row["name"], row["change"]) for row in rows],
                         [("a", "new"), ("old", "delete")])
        self.assertFalse(rows[0]["deployed"] or rows[1]["deleted"])

    def test_its_namespace(self):
        self.write("a.py", PYTHON)
        self.plan("namespace: team\nfunctions: {a: a.py}\n")
        self.says(REFUSED, "deploy", "'team'")
        self.mett("ns", "create", "team")
        self.mett("deploy")
        self.assertEqual(self.mett("list", "-j").stdout, "[]\n")
        self.assertEqual(self.mett("invoke", "-n", "team", "a", "x").stdout, "Hello, x!")
        self.assertEqual(self.mett("invoke", "a", "x",
                                   environment={"METT_NAMESPACE": "team"}).stdout, "Hello, x!")


class Namespaces(WithServer):
    def rows(self):
        return {row["name"]: row for row in json.loads(self.mett("ns", "-j").stdout)}

    def test_life(self):
        self.assertEqual(self.mett("ns", "create", "team").stdout, "team: created\n")
        self.says(REFUSED, "ns", "create", "team", "team")
        self.says(REFUSED, "ns", "create", "a/b", "a/b")
        self.assertEqual(self.mett("ns", "allow", "team", "nobody").stdout,
                         "team: nobody may use it\n")
        self.assertEqual(self.rows()["team"]["members"], [65534])
        self.assertRegex(self.mett("ns", "list").stdout, r"(?m)^team  +\w+ +nobody +0/1000 +0 B/1 GiB ")
        self.mett("ns", "deny", "team", "65534")
        self.assertEqual(self.rows()["team"]["members"], [])
        self.says(USAGE, "ns", "allow", "team", "no-such-user", "there is no user 'no-such-user'")
        self.assertEqual(json.loads(self.mett("ns", "-j", "delete", "team").stdout),
                         {"name": "team", "done": "deleted"})
        self.assertNotIn("team", self.rows())
        self.says(REFUSED, "ns", "delete", "team", "team")
        self.says(REFUSED, "list", "-n", "team", ["no namespace 'team'",
                                                  "'mett ns create team' makes it"])

    def test_limits(self):
        self.mett("ns", "create", "team")
        self.assertEqual(self.mett("ns", "limit", "team", "code=1M", "rate=100").stdout,
                         "team: limits are set\n")
        self.mett("ns", "limit", "team", "rate=none", "concurrent=5")
        quota = self.rows()["team"]["quota"]
        self.assertEqual((quota["code"], quota["rate"], quota["concurrent"]), (1 << 20, 0, 5))
        self.assertRegex(self.mett("ns").stdout, r"(?m)^team .* 0 B/1 MiB .* 0/5 ")
        self.says(USAGE, "ns", "limit", "team", "rat=1", "there is no limit 'rat'; say rate")
        self.says(USAGE, "ns", "limit", "team", "rate", "'rate' is not of the form LIMIT=VALUE")
        self.says(USAGE, "ns", "limit", "team", "rate=x", "rate: 'x'")
        self.says(REFUSED, "ns", "limit", "nope", "rate=1", "nope")

    def test_past_a_limit(self):
        home = f"u{os.getuid()}"
        self.deploy()
        self.mett("ns", "limit", home, "actions=1")
        self.write("b.py", PYTHON)
        self.says(REFUSED, "deploy", "b.py", "actions")


class OtherUsers(WithServer):
    arguments = ["--socket-mode", "666"]
    NOBODY = 65534

    def setUp(self):
        if os.geteuid():
            self.skipTest("only root can be another user")
        super().setUp()
        os.chmod(self.folder, 0o755)

    def as_nobody(self, *words, **options):
        return self.mett(*words, user=self.NOBODY, group=self.NOBODY, extra_groups=[], **options)

    def test_are_kept_out_until_they_are_let_in(self):
        self.deploy()
        self.mett("ns", "create", "team")
        self.mett("deploy", "-n", "team", "hello.py")
        self.assertEqual(self.as_nobody("list", "-j").stdout, "[]\n")
        for words in ["list -n team", "invoke -n team hello x", "list -n u0", "ns delete team",
                      "ns allow team nobody", "ns limit team rate=1", "ns create u0"]:
            done = self.as_nobody(*words.split(), status=REFUSED)
            self.assertIn("'u0'" if "u0" in words else "'team'", done.stderr)
        self.mett("ns", "allow", "team", "nobody")
        self.assertEqual(self.as_nobody("invoke", "-n", "team", "hello", "x").stdout, "Hello, x!")
        names = [row["name"] for row in json.loads(self.as_nobody("ns", "-j").stdout)]
        self.assertIn("team", names)
        self.assertNotIn("u0", names)
        self.mett("ns", "deny", "team", "nobody")
        self.as_nobody("invoke", "-n", "team", "hello", "x", status=REFUSED)

    def test_may_read_what_they_are_let_into_at_once(self):
        self.start(RECORDER, "--state", self.folder, "--socket-mode", "666")
        self.mett("ns", "create", "team")
        self.as_nobody("activations", "-n", "team", status=REFUSED)
        self.mett("ns", "allow", "team", "nobody")
        time.sleep(0.2)
        self.as_nobody("activations", "-n", "team")


class Tables(WithServer):
    LONG = "a-very-long-name-of-an-action-that-does-not-fit-a-narrow-terminal"[:64]

    def setUp(self):
        super().setUp()
        self.deploy()
        self.deploy("--name", self.LONG, "--timeout=1500us", "--memory=1536K")

    def test_list(self):
        lines = self.mett("list").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "VERSION", "LANGUAGE", "POLICY", "SIZE",
                                            "TIMEOUT", "MEMORY", "CALLS", "FAILED"])
        self.assertEqual(lines[1].split()[0], self.LONG)
        self.assertIn("  1.50 ms  1.50 MiB  ", lines[1])
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertNotRegex("".join(lines), "[\t\033]")
        self.mett("invoke", "hello", "x")
        rows = json.loads(self.mett("list", "--json").stdout)
        self.assertEqual([(row["name"], row["calls"], row["errors"]) for row in rows],
                         [(self.LONG, 0, 0), ("hello", 1, 0)])
        self.assertEqual((rows[0]["timeout_us"], rows[0]["memory"]), (1500, 1536 << 10))

    def test_they_fit_the_terminal(self):
        for columns in [30, 60, 80, 100]:
            shown = self.on_terminal("list", columns=columns)
            lines = [re.sub("\033\\[\\d*m", "", line) for line in shown.splitlines()]
            self.assertEqual(len(lines), 3)
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertIn("\u2026", lines[1])
        self.assertIn(self.LONG, self.on_terminal("list", columns=200))
        shown = self.on_terminal("list", columns=80, environment={"LC_ALL": "C"})
        self.assertIn("...", shown)

    def test_colours(self):
        self.assertIn("\033[1mNAME", self.on_terminal("list", columns=200))
        self.assertNotIn("\033", self.on_terminal("list", environment={"NO_COLOR": "1"}))


class History(WithServer):
    recorder = True

    def setUp(self):
        super().setUp()
        self.deploy()
        self.deploy(name="failing", text=FAILING)
        self.mett("invoke", "hello", "one")
        self.mett("invoke", "failing", "luck", status=FAILED)
        self.mett("invoke", "hello", "two")
        self.wait_for_records(3)

    def records(self, *options):
        return json.loads(self.mett("activations", "--json", *options).stdout)

    def restart(self):
        while self.servers:
            server = self.servers.pop()
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(timeout=PATIENCE_S), 0, self.server_log())
        self.start(SERVER, "--state", os.path.join(self.folder, "state"))
        self.start(RECORDER, "--state", self.folder)

    def wait_for_records(self, count):
        end = time.monotonic() + PATIENCE_S
        while len(self.records()) != count:
            self.assertLess(time.monotonic(), end, self.records())
            time.sleep(0.05)

    def test_activations(self):
        lines = self.mett("activations").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["ID", "ACTION", "VERSION", "BEGAN", "TOOK", "MEMORY",
                                            "OUTCOME"])
        self.assertEqual([line.split()[1] for line in lines[1:]], ["hello", "failing", "hello"])
        self.assertRegex(lines[1], r" ok$")
        self.assertRegex(lines[2], r" failed with code 1: .*no luck")

    def test_whose_caller_left(self):
        self.deploy(name="sleeper", text=SLEEPER)
        process = subprocess.Popen([METT, "invoke", "sleeper", "60"], cwd=self.folder,
                                   env=self.environment, stderr=subprocess.DEVNULL)
        self.wait_for_running("sleeper", 1)
        process.kill()
        process.wait(timeout=PATIENCE_S)
        self.wait_for_records(4)
        self.assertRegex(self.mett("activations", "sleeper").stdout,
                         r"(?m) caller gone: whoever invoked it is gone$")

    def test_which(self):
        self.assertEqual([row["action"] for row in self.records("--failed")], ["failing"])
        self.assertEqual([row["action"] for row in self.records("hello")], ["hello", "hello"])
        self.assertEqual(len(self.records("--limit=1")), 1)
        self.assertEqual(len(self.records("--since=1h")), 3)
        one = self.records("--failed")[0]
        self.assertEqual(self.records(f"--activation={one['activation']}"), [one])
        self.assertEqual((one["error"]["reason"], one["version"], one["calls"]), ("failed", 1, 1))
        self.assertIn("before it failed\n", one["log"])
        self.assertEqual(self.mett("activations", "nope").stdout,
                         "No activation is recorded that fits.\n")

    def test_the_order_is_that_of_the_beginning(self):
        self.deploy(name="sleeper", text=SLEEPER)
        process = subprocess.Popen([METT, "invoke", "sleeper", "2"], cwd=self.folder,
                                   env=self.environment, stdout=subprocess.DEVNULL)
        self.wait_for_running("sleeper", 1)
        self.mett("invoke", "hello", "meanwhile")
        self.assertEqual(process.wait(timeout=PATIENCE_S), GOOD)
        self.wait_for_records(5)
        rows = self.records()
        self.assertEqual([row["action"] for row in rows[3:]], ["sleeper", "hello"])
        self.assertEqual(rows, sorted(rows, key=lambda row: row["begin_us"]))
        lines = self.mett("activations", "--limit=2").stdout.splitlines()
        self.assertEqual([line.split()[1] for line in lines[1:]], ["sleeper", "hello"])

    def test_ids_come_again(self):
        before = self.records("--limit=1")[0]
        self.restart()
        self.deploy(name="other")  # meanwhile the recorder joins the server
        for _ in range(before["activation"]):
            self.mett("invoke", "hello", "again")
        self.wait_for_records(3 + before["activation"])
        rows = [row for row in self.records() if row["activation"] == before["activation"]]
        self.assertEqual(len(rows), 2)
        for limit in [], ["--limit=5"]:
            found = self.records(f"--activation={before['activation']}", *limit)
            self.assertEqual([row["number"] for row in found],
                             [max(row["number"] for row in rows)])

    def test_logs(self):
        lines = self.mett("logs").stdout.splitlines()
        begin = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d "
        self.assertRegex(lines[0], begin + r"hello \d+ log of one$")
        self.assertRegex(lines[1], begin + r"failing \d+ before it failed$")
        self.assertRegex("\n".join(lines), begin + r"failing \d+ failed with code 1: .*no luck")
        self.assertRegex(lines[-1], begin + r"hello \d+ log of two$")
        rows = [json.loads(line) for line in
                self.mett("logs", "--json", "hello").stdout.splitlines()]
        self.assertEqual([row["log"] for row in rows], ["log of one\n", "log of two\n"])
        self.says(REFUSED, "logs", "a b", "action 'a b': not a lawful name")
        self.says(REFUSED, "logs", "-n", "a b", "namespace 'a b': not a lawful name")
        done = self.mett("logs", "nope")
        self.assertEqual((done.stdout, done.stderr), ("", "No log is recorded that fits.\n"))
        with open("/dev/full", "w", encoding="ascii") as full:
            for option in "--limit=1", "--json":
                self.says(FAILED, "logs", option, "No space left on device", stdout=full)

    def test_what_wrote_nothing_is_not_counted(self):
        self.deploy(name="quiet", text="def main(name):\n    return name\n")
        for _ in range(3):
            self.mett("invoke", "quiet", "psst")
        self.wait_for_records(6)
        begin = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d "
        self.assertRegex(self.mett("logs", "--limit=1").stdout, begin + r"hello \d+ log of two\n$")
        logs = [json.loads(line)["log"] for line in
                self.mett("logs", "--limit=2", "--json").stdout.splitlines()]
        self.assertEqual([log.split("\n")[0] for log in logs],
                         ["before it failed", "log of two"])
        newest = self.records("--limit=1")[0]["activation"]
        done = self.mett("logs", f"--activation={newest}")
        self.assertEqual((done.stdout, done.stderr), ("", "No log is recorded that fits.\n"))

    def test_nobody_can_read_what_follows(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            for option in "-f", "-fj":
                self.says(FAILED, "logs", option, "No space left on device", stdout=full)
        done = subprocess.run(["sh", "-c", "mett logs -f >&-"], env=self.environment, text=True,
                              stderr=subprocess.PIPE, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertIn("cannot write to the standard output: Bad file descriptor", done.stderr)

    def test_following(self):
        process = subprocess.Popen([METT, "logs", "-f", "hello"], cwd=self.folder, text=True,
                                   env=self.environment, stdout=subprocess.PIPE)
        self.assertIn("log of one", process.stdout.readline())
        self.assertIn("log of two", process.stdout.readline())
        self.mett("invoke", "hello", "three")
        self.assertIn("log of three", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=PATIENCE_S), -signal.SIGINT)
        process.stdout.close()


if __name__ == "__main__":
    main()
