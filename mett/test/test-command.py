#!/usr/bin/env python3
"""What the command says without a server: test-command.py BUILD [TEST]..."""

import json
import os
import re
import stat
import subprocess
import unittest

from harness import *

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Verbs(Folder):
    def test_no_verb(self):
        self.says(USAGE, "say what to do; 'mett help' lists the verbs")

    def test_a_wrong_verb(self):
        self.says(USAGE, "depoly", "there is no verb 'depoly'; did you mean 'deploy'?")
        self.says(USAGE, "help", "ivnoke", "did you mean 'invoke'?")
        self.says(USAGE, "zzzzzz", "there is no verb 'zzzzzz'; 'mett help' lists them")
        self.says(USAGE, "", "there is no verb ''")

    def test_help(self):
        everything = self.mett("help").stdout
        self.assertEqual(everything, self.mett("--help").stdout)
        self.assertEqual(everything, self.mett("-h").stdout)
        for verb in verbs(self):
            text = self.mett("help", verb).stdout
            self.assertTrue(text.startswith(f"Usage: mett {verb} "), text)
            self.assertIn("\nExamples:\n  ", text)
            self.assertEqual(text, self.mett(verb, "--help").stdout)
            self.assertLessEqual(max(map(len, text.splitlines())), 90, verb)

    def test_version(self):
        self.assertEqual(self.mett("--version").stdout, "mett 0.1.0\n")
        self.assertEqual(self.mett("list", "-V").stdout, "mett 0.1.0\n")

    def test_the_manual_names_every_verb_and_option(self):
        with open(os.path.join(SOURCE, "doc", "mett.1.scd"), encoding="utf-8") as file:
            manual = file.read().replace("\\", "")
        for verb in verbs(self):
            self.assertRegex(manual, rf"(?m)^## {verb}\b")
            for option in re.findall(r"(?m)^  (?:-\w, |    )(--[\w-]+)",
                                     self.mett("help", verb).stdout):
                self.assertIn(f"*{option}*", manual, verb)


def verbs(test):
    return re.findall(r"(?m)^  (\w+) +\w", test.mett("help").stdout.split("Options of all")[0])


class Options(Folder):
    def test_wrong_options(self):
        self.says(USAGE, "list", "--jsn", "list: there is no option '--jsn', but there is '--json'; "
                                          "see 'mett help list'")
        self.says(USAGE, "list", "--zzz", "there is no option '--zzz';")
        self.says(USAGE, "list", "-x", "there is no option '-x'")
        self.says(USAGE, "list", "-jx", "there is no option '-x'")
        self.says(USAGE, "list", "--json=1", "option '--json' takes no value")
        self.says(USAGE, "list", "--socket", "option '--socket' needs a value")
        self.says(USAGE, "list", "-s", "option '-s' needs a value")
        self.says(USAGE, "invoke", "--tim", "x", "option '--tim' can mean several")
        self.says(USAGE, "--jsn", "list", "there is no option '--jsn'")

    def test_too_much_and_too_little(self):
        for words, says in [
            ("list x", "'x' is one argument too many"),
            ("invoke", "say which action to invoke"),
            ("invoke a b c", "'c' is one argument too many"),
            ("show", "say which action"),
            ("delete", "say which action to delete"),
            ("rollback", "say which action"),
            ("rollback a b", "VERSION: 'b' is no whole number from 1"),
            ("rollback a 0", "VERSION: '0'"),
            ("new", "say which file to write"),
            ("ns create", "say how it is to be called"),
            ("ns crate a", "there is no 'crate'; say create"),
            ("ns limit a", "say which namespace, and limits"),
            ("ns list a", "'a' is one argument too many"),
            ("activations a b", "'b' is one argument too many"),
            ("logs --limit=0", "--limit: '0' is no whole number from 1"),
            ("logs --since=5", "--since: '5' is no time with a unit"),
            ("logs --activation=x", "--activation: 'x'"),
            ("help a b", "'b' is one argument too many"),
        ]:
            self.says(USAGE, *words.split(), says)

    def test_units(self):
        for option, wrong, says in [
            ("--timeout", ["3", "ms", "3x", "-1s", "1e3s", "0s", "0.0001us", "", "9999999999h", " 1s",
                           "1.2.3s"], "is no time with a unit; say it as 200ms or 1.5s"),
            ("--memory", ["3X", "M", "-1M", "0", "1 M", "", "0x10", "99999999T", "1e3", "1",
                          "4096", "65535", "63K"], "is no size from 64K"),
        ]:
            for text in wrong:
                self.says(USAGE, "invoke", option, text, "x", [f"{option}: '{text}' ", says])
        for text in ["200ms", "1.5s", "10us", "2m", "1h", "1min"]:
            self.mett("invoke", "--timeout=" + text, "x", status=UNREACHABLE)
        for text in ["64M", "64MiB", "1.5G", "65536", "64K", "65536B", "1T"]:
            self.mett("invoke", "--memory=" + text, "x", status=UNREACHABLE)

    def test_options_of_all_verbs_stand_anywhere(self):
        where = {"METT_SOCKET": "/nowhere"}
        for words in [["--socket", "/x/y", "list"], ["list", "--socket=/x/y"], ["list", "-s/x/y"],
                      ["-js/x/y", "list"], ["list", "--sock", "/x/y"]]:
            self.says(UNREACHABLE, *words, "no server at '/x/y'", environment=where)

    def test_what_follows_two_dashes_is_no_option(self):
        self.says(USAGE, "invoke", "a", "--", "--time", "-x", "'-x' is one argument too many")
        self.mett("invoke", "a", "--", "--nonsense", status=UNREACHABLE)


class NoServer(Folder):
    def test_is_told_with_the_next_step(self):
        self.write("hello.py", PYTHON)
        for words in ["deploy hello.py", "invoke hello", "list", "show hello", "delete hello",
                      "rollback hello", "ns", "ns create a"]:
            done = self.says(UNREACHABLE, *words.split(),
                             [f"no server at '{self.folder}/socket'", "'mett-eagle &'",
                              "'mett run FILE'"])
            self.assertEqual(done.stdout, "")

    def test_and_where_one_may_listen(self):
        if os.geteuid():
            self.skipTest("only root can be another user")
        os.chmod(self.folder, 0o755)
        for variable, tells in [("", True), ("METT_SOCKET", False), ("XDG_RUNTIME_DIR", False)]:
            where = {"METT_SOCKET": "", variable or "NOTHING": self.folder + "/nowhere"}
            done = self.mett("list", status=UNREACHABLE, environment=where, user=65534,
                             group=65534, extra_groups=[])
            self.assertEqual("setting METT_SOCKET" in done.stderr, tells, done.stderr)

    def test_nor_a_recorder(self):
        for words in ["activations", "logs", "logs -f hello"]:
            done = self.says(UNREACHABLE, *words.split(), "no recorder at")
            self.assertEqual(done.stdout, "")

    def test_a_file_is_no_server(self):
        self.write("socket", "")
        self.says(UNREACHABLE, "list", "no server at")

    def test_a_path_that_cannot_be(self):
        self.says(REFUSED, "list", "--socket", "x" * 200, "socket path")


class New(Folder):
    def test_each_template(self):
        for name in ["a.c", "b.cc", "c.cpp", "d.py", "e.sh"]:
            done = self.mett("new", name)
            self.assertEqual(done.stdout, "")
            self.assertIn(f"mett deploy {name}", done.stderr)
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                text = file.read()
            self.assertIn(f"mett deploy {name}", text)
            self.assertIn(f"mett invoke {name[0]} world", text)
            self.assertNotIn("NAME", text)
            self.assertNotIn("FILE", text)
        mode = os.stat(os.path.join(self.folder, "e.sh")).st_mode
        self.assertTrue(mode & stat.S_IXUSR)

    def test_writes_over_nothing(self):
        self.write("a.c", "mine")
        self.says(REFUSED, "new", "a.c", "'a.c' exists, and is not written over; name another file")
        os.symlink("nowhere", os.path.join(self.folder, "b.c"))
        self.says(REFUSED, "new", "b.c", "exists")
        with open(os.path.join(self.folder, "a.c"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")

    def test_wrong_files(self):
        self.says(USAGE, "new", "x", "'x' ends in none of .c, .cc, .py and .sh; say --template")
        self.says(USAGE, "new", "-t", "pyton", "x", "there is no template 'pyton'; say python")
        self.says(USAGE, "new", "-t", "zzzzzz", "x", "say c, c++, python or sh")
        self.says(REFUSED, "new", "/no/x.c", "cannot write '/no/x.c': No such file")

    def test_odd_names(self):
        for name in ["a b.py", "\u00fc.py", "x" * 65 + ".py"]:
            self.says(USAGE, "new", name, f"'{name}': an action would be called like")
            self.assertFalse(os.path.exists(os.path.join(self.folder, name)))
        os.mkdir(os.path.join(self.folder, "a b"))
        for name, word in ("a b/c.py", "'a b/c.py'"), ("-d.sh", "./-d.sh --grant system"):
            self.assertIn(f": mett deploy {word}\n", self.mett("new", "--", name).stderr)

    def test_json(self):
        done = self.mett("new", "--json", "a.py")
        self.assertEqual(done.stderr, "")
        self.assertEqual(json.loads(done.stdout),
                         {"file": "a.py", "name": "a", "template": "python"})

    def test_by_name(self):
        self.mett("new", "-t", "c++", "x")
        with open(os.path.join(self.folder, "x"), encoding="utf-8") as file:
            self.assertIn("std::string", file.read())


class DeployFiles(Folder):
    def test_what_cannot_be_deployed(self):
        self.write("x.d", "text")
        self.write("s.sh", "#!/bin/sh\n")
        self.write("empty", "")
        self.write("a.c", "no C")
        self.write("a.py", "")
        os.mkfifo(os.path.join(self.folder, "pipe.py"))
        for status, words, says in [
            (USAGE, "x.d", "cannot tell the language of 'x.d'"),
            (REFUSED, "empty", "cannot deploy 'empty': it is empty"),
            (REFUSED, "a.py", "cannot deploy 'a.py': it is empty"),
            (USAGE, "s.sh", "add --grant system"),
            (REFUSED, "nope.py", "cannot open 'nope.py': No such file"),
            (REFUSED, ".", "it is no regular file"),
            (REFUSED, "pipe.py", "it is no regular file"),
            (USAGE, "a.c a.py", "'a' would be the name of two files"),
            (USAGE, "a.c s.sh --name x", "--name goes with one file"),
            (USAGE, "a.c --name a/b", "'a/b' is no name for an action"),
            (USAGE, "a.c --grant net", "--grant: there is no 'net'; say system or env:KEY=VALUE"),
            (USAGE, "a.c --grant env:KEY", "--grant: there is no 'env:KEY'"),
            (USAGE, "a.c --grant env:1A=b", "--grant: there is no 'env:1A=b'"),
            (USAGE, "a.c --policy frok", "--policy: there is no 'frok'; say fork, spawn or reuse"),
            (USAGE, "a.c --language d", "--language: there is no 'd'"),
            (USAGE, "a.c --concurrency 0", "--concurrency: '0'"),
            (USAGE, "a.c --timeout 1", "--timeout: '1'"),
            (USAGE, "a.c --memory x", "--memory: 'x'"),
            (USAGE, "a.c -f y", "not both"),
            (USAGE, "a.c --prune", "--prune goes with a mett.yaml"),
            (USAGE, "--timeout 1s", "or give a file"),
            (USAGE, "", "there is no mett.yaml here; give a file"),
            (REFUSED, "a.c", "cannot compile 'a.c'"),
        ]:
            self.says(status, "deploy", *words.split(), says)

    def test_the_compiler_is_heard(self):
        self.write("bad.c", "int faas_main(void)\n{\n\treturn no_such_thing;\n}\n")
        self.says(REFUSED, "deploy", "bad.c", ["bad.c:3:", "no_such_thing", "compiler's errors"])


class Plans(Folder):
    """mett.yaml: what is wrong is told with line and column."""

    WRONG = [
        ("", "1:1: the file is empty"),
        ("a: b\n c: d\n", "2:3: mapping values are not allowed"),
        ("\tx", "1:1: found character that cannot start any token"),
        ("a: [b\n", "2:1: did not find expected ',' or ']'"),
        ("functions: *x\n", "1:12: found undefined alias"),
        ("x", "1:1: mett.yaml must be lines of 'key: value'"),
        ("functons: {}\n", "1:1: mett.yaml has no key 'functons'; did you mean 'functions'?"),
        ("zzzzzzz: {}\n", "1:1: mett.yaml has no key 'zzzzzzz'; see mett.yaml(5)"),
        ("namespace: a\n", "1:1: there is no function"),
        ("namespace: 'x y'\n", "1:12: 'x y' is no name for a namespace"),
        ("namespace: [a]\n", "1:12: namespace must be one value"),
        ("functions: [a]\n", "1:12: functions must be lines of"),
        ("functions:\n  a: x.py\n  a: y.py\n", "3:3: 'a' is there twice, before in line 2"),
        ("functions:\n  a/b: x\n", "2:3: 'a/b' is no name for a function"),
        ("functions:\n  ? [a]\n  : x\n", "2:5: a function's name must be one value"),
        ("functions:\n  a: [x]\n", "2:6: a function must be lines of 'key: value'"),
        ("functions:\n  a:\n    memory: 1M\n", "2:3: function 'a' has no file"),
        ("functions:\n  a:\n    fle: x\n", "3:5: a function has no key 'fle'; did you mean 'file'?"),
        ("functions:\n  a:\n    file: x\n    file: y\n", "4:5: 'file' is there twice"),
        ("functions:\n  a:\n    file: {}\n", "3:11: file must be one value"),
        ("functions:\n  a:\n    file: \"x\\0y\"\n", "3:11: file has a zero byte in it"),
        ("functions:\n  a:\n    timeout: 3\n", "3:14: timeout: '3' is no time with a unit"),
        ("functions:\n  a:\n    memory: much\n", "3:13: memory: 'much' is no size"),
        ("functions:\n  a:\n    memory: 4K\n", "3:13: memory: '4K' is no size from 64K"),
        ("functions:\n  a:\n    policy: frok\n", "3:13: policy: there is no 'frok'"),
        ("functions:\n  a:\n    language: d\n", "3:15: language: there is no 'd'"),
        ("functions:\n  a:\n    concurrency: 0\n", "3:18: concurrency: '0'"),
        ("functions:\n  a:\n    grant: net\n", "3:12: grant: there is no 'net'"),
        ("functions:\n  a:\n    grant: [system, net]\n", "3:21: grant: there is no 'net'"),
        ("functions:\n  a: a.py\n---\nb\n", "4:1: a second document"),
        ("functions: &x\n  a: *x\n", "2:3: a function has no key 'a'"),
    ]

    def test_what_is_wrong(self):
        for text, says in self.WRONG:
            with self.subTest(text):
                self.write("mett.yaml", text)
                done = self.says(USAGE, "deploy", "mett: mett.yaml:" + says)
                self.assertEqual(done.stdout, "")

    def test_bytes_that_are_no_text(self):
        for data in [b"\0", b"\xff\xfe\xfd", b"a: \x80\n", bytes(range(256))]:
            with open(os.path.join(self.folder, "mett.yaml"), "wb") as file:
                file.write(data)
            self.says(USAGE, "deploy", "mett.yaml:")

    def test_what_is_no_plan(self):
        self.says(USAGE, "deploy", "-f", "nope.yaml", "cannot read 'nope.yaml': No such file")
        self.says(USAGE, "deploy", "-f", ".", "cannot read '.': Is a directory")
        self.write("big.yaml", "#" * (1 << 20) + "\n")
        self.says(USAGE, "deploy", "-f", "big.yaml", "'big.yaml' has more than 1048576 bytes")

    def test_much_of_it(self):
        for text in ["[" * 1000000, "{a: " * 200000, "- " * 500000, "? " * 500000]:
            self.write("mett.yaml", text)
            self.says(USAGE, "deploy", ["mett.yaml:1:", "nested deeper than 16 levels"])
        self.write("mett.yaml", "functions:\n" + "".join(f"  f{i}: x\n" for i in range(16385)))
        self.says(USAGE, "deploy", "mett.yaml:16386:3: more than 16384 functions")

    def test_paths_are_relative_to_it(self):
        os.mkdir(os.path.join(self.folder, "sub"))
        self.write("sub/mett.yaml", "functions:\n  a: f.py\n")
        self.says(REFUSED, "deploy", "-f", "sub/mett.yaml", "cannot open 'sub/f.py'")
        self.write("sub/mett.yaml", "functions:\n  a: /no/f.py\n")
        self.says(REFUSED, "deploy", "-f", "sub/mett.yaml", "cannot open '/no/f.py'")


class Output(Folder):
    def test_a_full_disk_is_told(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            self.says(FAILED, "help", "cannot write to the standard output: No space left",
                      stdout=full)
            for words in ["help list", "list --help", "list --version", "--help", "--version"]:
                self.says(FAILED, *words.split(), "No space left", stdout=full)

    def test_a_closed_pipe_ends_it_silently(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w", encoding="ascii") as pipe:
            done = subprocess.run([METT, "help"], stdout=pipe, stderr=subprocess.PIPE,
                                  restore_signals=True)
        self.assertEqual((done.returncode, done.stderr), (-13, b""))

    def test_closed_descriptors(self):
        done = subprocess.run(["sh", "-c", f"{METT} help >&-"], stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("cannot write", done.stderr)

    def test_colours_are_for_terminals(self):
        shown = self.on_terminal("list", status=UNREACHABLE)
        self.assertIn("\033[31mmett:\033[0m no server", shown)
        for environment in [{"NO_COLOR": "1"}, {"TERM": "dumb"}]:
            shown = self.on_terminal("list", status=UNREACHABLE, environment=environment)
            self.assertNotIn("\033", shown)
        self.assertIn("\033[31m", self.on_terminal("list", status=UNREACHABLE,
                                                   environment={"NO_COLOR": ""}))

    def test_no_control_characters_reach_a_terminal(self):
        shown = self.on_terminal("help", "\033]0;x\007", status=USAGE)
        self.assertIn("'^[]0;x^G'", shown)


if __name__ == "__main__":
    main()
