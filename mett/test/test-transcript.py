#!/usr/bin/env python3
"""The transcript in the README, line by line as it is written: test-transcript.py BUILD

What stands behind "$ " is typed into one shell, in an empty home; what follows must be its output.
Only `make install` is played: it puts what was built where PREFIX says, without building it again.
"""

import json
import re

from live import *

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README = os.path.join(SOURCE, "README.md")

MAKE = """#!/bin/sh -e
case $* in "install PREFIX=/"*) prefix=${{2#PREFIX=}} ;; *) exit 2 ;; esac
meson install -C {build} --no-rebuild --quiet --destdir "$HOME/stage"
mv "$HOME/stage/{prefix}" "$prefix"
rm -r "$HOME/stage"
[ {libdir} = lib ] || mv "$prefix/{libdir}"/* "$prefix/lib"
sed -i "s,^prefix=.*,prefix=$prefix,; s,^libdir=.*,libdir=$prefix/lib," "$prefix"/lib/pkgconfig/*.pc
"""


def steps():
    """Command and output of each step."""
    with open(README, encoding="utf-8") as file:
        blocks = re.findall(r"(?m)^```console\n(.*?)^```$", file.read(), re.DOTALL)
    for step in re.split(r"(?m)^\$ ", "".join(blocks))[1:]:
        command, _, output = step.partition("\n")
        yield command, output


class Transcript(Living, Folder):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.folder, "tools"))
        self.write("tools/make", MAKE.format(build=BUILD, prefix=self.option("prefix"),
                                             libdir=self.option("libdir")))
        os.chmod(os.path.join(self.folder, "tools", "make"), 0o755)
        for name in "METT_SOCKET", "PKG_CONFIG_PATH":
            del self.environment[name]
        self.environment["XDG_STATE_HOME"] = os.path.join(self.folder, "state")
        self.environment["PATH"] = os.path.join(self.folder, "tools") + ":" + os.environ["PATH"]

    def option(self, name):
        options = subprocess.run(["meson", "introspect", BUILD, "--buildoptions"],
                                 capture_output=True, text=True, check=True).stdout
        return next(option["value"] for option in json.loads(options) if option["name"] == name)

    def type(self, shell, command):
        """What comes of a line, up to a mark that is typed behind it."""
        shell.stdin.write(f"{command}\necho; echo '--' done\n")
        shell.stdin.flush()
        lines = []
        while not lines or lines[-1] != "-- done\n":
            line = shell.stdout.readline()
            self.assertTrue(line, f"the shell ended: {command}")
            lines.append(line)
        return "".join(lines[:-1])

    def test_it_goes_as_it_is_written(self):
        written = list(steps())
        self.assertGreater(len(written), 10)
        with subprocess.Popen(["bash", "--norc"], cwd=self.folder, env=self.environment, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                              ) as shell:
            for command, output in written:
                with self.subTest(command):
                    self.assertEqual(self.type(shell, command).rstrip("\n"), output.rstrip("\n"))
            shell.stdin.close()


if __name__ == "__main__":
    main()
