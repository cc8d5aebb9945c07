#!/usr/bin/env python3
"""`mett completion': what bash, zsh and fish really offer: test-completion.py BUILD"""

import re

from live import *


class Offers(Folder):
    """What is asked behind all of them."""

    def offers(self, *words):
        done = self.mett("__complete", *words)
        self.assertEqual(done.stderr, "")
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    def test_verbs(self):
        self.assertEqual(self.offers("do"), ["doctor"])
        verbs = self.offers("")
        self.assertIn("deploy", verbs)
        self.assertNotIn("__complete", verbs)
        self.assertEqual(self.offers("help", "watc"), ["watch"])
        self.assertEqual(self.offers("--json", "--socket", "/x", "doc"), ["doctor"])

    def test_each_verb_has_its_options_and_those_of_all(self):
        for verb in self.offers(""):
            options = self.offers(verb, "-")
            told = set(re.findall(r"^  (?:-\w, |    )(--[a-z-]+)", self.mett("help", verb).stdout, re.M))
            self.assertEqual(set(options), told, verb)
            self.assertIn("--namespace", options)

    def test_values(self):
        self.assertEqual(self.offers("run", "--policy", ""), ["fork", "spawn", "reuse"])
        self.assertEqual(self.offers("run", "-p", "re"), ["reuse"])
        self.assertEqual(self.offers("run", "--policy", "=", "re"), ["reuse"])
        self.assertEqual(self.offers("run", "--policy=sp"), ["--policy=spawn"])
        self.assertEqual(self.offers("run", "--language=c"), ["--language=c", "--language=c++"])
        self.assertEqual(self.offers("run", "--timeout", ""), [])
        self.assertEqual(self.offers("top", "--sort", "p"), ["p50", "p99", "parked"])
        self.assertEqual(self.offers("completion", ""), ["bash", "zsh", "fish"])
        self.assertEqual(self.offers("ns", "d"), ["delete", "deny"])
        self.assertEqual(self.offers("ns", "L"), [])

    def test_files(self):
        self.assertEqual(self.offers("run", ""), [":files"])
        self.assertEqual(self.offers("run", "--json", ""), [":files"])
        self.assertEqual(self.offers("run", "-f", ""), [":files"])
        self.assertEqual(self.offers("run", "hello.py", ""), [])
        self.assertEqual(self.offers("deploy", "a.py", "b.py", ""), [":files"])

    def test_without_a_server_there_are_no_actions(self):
        self.assertEqual(self.offers("invoke", ""), [])


class Actions(WithServer, Offers):
    def test_without_a_server_there_are_no_actions(self):
        self.environment["METT_SOCKET"] = "/nowhere"
        super().test_without_a_server_there_are_no_actions()

    def test_actions(self):
        self.deploy()
        self.deploy("--name", "help-me")
        self.assertEqual(self.offers("invoke", ""), ["hello", "help-me"])
        self.assertEqual(self.offers("invoke", "--time", "help"), ["help-me"])
        self.assertEqual(self.offers("invoke", "hello", ""), [])
        self.mett("ns", "create", "shop")
        self.assertEqual(self.offers("list", "-n", "s"), ["shop"])
        self.assertEqual(self.offers("list", "--namespace=s"), ["--namespace=shop"])
        self.assertEqual(self.offers("-n", "shop", "invoke", ""), [])
        self.assertEqual(self.offers("ns", "delete", "s"), ["shop"])
        self.environment["METT_SOCKET"], socket = "/nowhere", self.environment["METT_SOCKET"]
        self.assertEqual(self.offers("-s", socket, "bench", "hel"), ["hello", "help-me"])
        self.assertEqual(self.offers("--socket=" + socket, "bench", "hel"), ["hello", "help-me"])


class Shells(Folder):
    def setUp(self):
        super().setUp()
        self.write("a file.py", "")
        self.write("another", "")

    def need(self, shell):
        if not shutil.which(shell):
            self.skipTest(f"there is no {shell}; tools/setup test installs it")

    def run_shell(self, *arguments):
        return subprocess.run(arguments, cwd=self.folder, env=self.environment, text=True,
                              check=True, stdout=subprocess.PIPE, timeout=PATIENCE_S).stdout

    def bash(self, *words):
        script = ('source <(mett completion bash); COMP_WORDS=("$@"); '
                  'COMP_CWORD=$(($# - 1)); $(complete -p mett | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        return self.run_shell("bash", "-c", script, "bash", "mett", *words).splitlines()

    def test_bash(self):
        self.need("bash")
        self.assertEqual(self.bash("do"), ["doctor"])
        self.assertEqual(self.bash("run", "--pol"), ["--policy"])
        self.assertEqual(self.bash("run", "--policy", "=", "f"), ["fork"])
        self.assertEqual(self.bash("run", "--policy", "="), ["fork", "spawn", "reuse"])
        self.assertEqual(sorted(self.bash("run", "a")), ["a file.py", "another"])
        self.assertEqual(self.bash("run", "nothing"), [""])

    def test_fish(self):
        self.need("fish")

        def fish(line):
            out = self.run_shell("fish", "--no-config", "-c",
                                 f"mett completion fish | source; complete -C '{line}'")
            return [candidate.split("\t")[0] for candidate in out.splitlines()]

        self.assertEqual(fish("mett do"), ["doctor"])
        self.assertEqual(fish("mett run --pol"), ["--policy"])
        self.assertEqual(fish("mett run --policy="), ["--policy=fork", "--policy=reuse",
                                                      "--policy=spawn"])
        self.assertEqual(fish("mett run a f"), [])
        self.assertEqual(fish("mett run ano"), ["another"])

    def test_zsh(self):
        """It completes only what somebody types."""
        self.need("zsh")
        self.write(".zshrc", "PS1='ready> '\nautoload -U compinit\ncompinit -u -D\n"
                             "source <(mett completion zsh)\nbindkey '^I' complete-word\n"
                             "unsetopt zle_bracketed_paste 2>/dev/null\nunset zle_bracketed_paste\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe("zsh", ["zsh", "-i"], {**self.environment, "TERM": "dumb",
                                             "ZDOTDIR": self.folder})
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, terminal)
        self.zsh_expect(terminal, "ready> ")
        for typed, completed in (("mett do\t", "mett doctor "),
                                 ("\x15mett run --pol\t", "mett run --policy"),
                                 ("\x15mett completion z\t", "mett completion zsh "),
                                 ("\x15mett run ano\t", "mett run another "),
                                 ("\x15mett run a\\ f\t", "mett run a\\ file.py ")):
            os.write(terminal, typed.encode())
            self.zsh_expect(terminal, completed)

    def zsh_expect(self, terminal, text):
        seen, until = "", time.monotonic() + PATIENCE_S
        while text not in re.sub(r"\r *|[\a\b]", "", seen):
            self.assertLess(time.monotonic(), until, repr(seen))
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096).decode()


if __name__ == "__main__":
    main()
