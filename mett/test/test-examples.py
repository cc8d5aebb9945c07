#!/usr/bin/env python3
"""Each example of `mett help VERB`, as it is written there: test-examples.py BUILD [VERB]...

Each runs in a shell, in a folder with a few functions, where hello is deployed in three versions.
"""

import re
import subprocess

from harness import *

PLAN = "functions:\n  hello: hello.py\n  greet:\n    file: greet.sh\n    grant: system\n"
SHELL = '#!/bin/sh\necho "${GREETING:-Hello}, $(cat)!"\n'

# These stay until they are stopped: they have tests of their own.
LIVING = {"watch"}


def help_of(verb):
    return subprocess.run([METT, "help", verb], capture_output=True, text=True, check=True).stdout


def verbs():
    text = subprocess.run([METT, "help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(?m)^  (\w+) +\w", text.split("Options of all")[0])


class Examples(WithServer):
    @property
    def recorder(self):
        return self._testMethodName in ["test_activations", "test_logs"]

    def prepare(self, verb):
        if verb == "new":
            return
        for number in range(3):
            self.deploy(text=PYTHON + "#" * number + "\n")
        self.mett("new", "hello.c")
        self.write("greet.sh", SHELL)
        self.write("mett.yaml", PLAN)
        self.mett("invoke", "hello", "world")

    def run_examples(self, verb):
        lines = re.findall(r"(?m)^  (.+)$", help_of(verb).split("\nExamples:\n")[1])
        self.assertTrue(lines)
        self.prepare(verb)
        for line in lines:
            with self.subTest(line):
                done = subprocess.run(["sh", "-c", line], cwd=self.folder, env=self.environment,
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      timeout=PATIENCE_S)
                self.assertEqual(done.returncode, 0, (line, done.stdout, done.stderr))


def add_test(verb):
    setattr(Examples, "test_" + verb, lambda self: self.run_examples(verb))


for each in verbs():
    if each not in LIVING:
        add_test(each)

if __name__ == "__main__":
    main()
