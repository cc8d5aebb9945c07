#!/usr/bin/env python3
"""What people see: top, watch, logs -f, progress and Ctrl-C, in a terminal of tmux.

	test-terminal.py BUILD
"""

from live import *

C = """#include <faas.h>

int faas_main(const void *argument, size_t size)
{{
	return faas_answer_format("{}, {{}}!", fmt_bytes(argument, size));{}
}}
"""


class Top(Living, WithServer):
    def start_top(self, *words, columns=100):
        self.deploy(text=HELLO)
        self.deploy(name="spin", text=SPIN)
        terminal = Terminal(self, columns)
        terminal.type("echo before; mett top --interval=100ms " + " ".join(words))
        terminal.expect("CALLS/s*", "hello", "spin")
        return terminal

    def order(self, terminal):
        return [line.split()[0] for line in terminal.screen().splitlines()[3:] if line.strip()]

    def test_it_draws_in_place(self):
        terminal = self.start_top()
        self.begin("bench", "hello", "x", "--rate=200", "--duration=10m")
        screen = terminal.expect("2 actions", "us")
        self.assertEqual(screen.count("NAME"), 1)
        self.assertNotIn("before", screen)
        soon(lambda: self.order(terminal) == ["hello", "spin"], terminal.screen)

    def test_keys_sort(self):
        terminal = self.start_top()
        self.begin("bench", "hello", "x", "--rate=200", "--duration=10m")
        self.begin("invoke", "spin", "x")
        for key, head, first in (("r", "RUNNING*", "spin"), ("n", "NAME*", "hello"),
                                 ("c", "CALLS/s*", "hello"), ("Left", "NAME*", "hello"),
                                 ("Right", "CALLS/s*", "hello")):
            terminal.send(key)
            terminal.expect(head)
            soon(lambda: self.order(terminal)[0] == first, terminal.screen)

    def test_it_fits_and_follows_the_terminal(self):
        self.deploy("--name=" + "n" * 64, text=HELLO)
        terminal = self.start_top(columns=70)
        self.assertIn("…", terminal.screen())
        terminal.tmux("resize-window", "-x", "160", "-y", "20")
        terminal.expect("n" * 64)
        terminal.tmux("resize-window", "-x", "60", "-y", "4")
        terminal.expect("…")
        self.assertIn("actions", terminal.screen().splitlines()[0])

    def test_q_leaves_the_screen_as_it_was(self):
        terminal = self.start_top()
        terminal.send("q")
        screen = terminal.expect("before", "ready>")
        self.assertNotIn("CALLS/s", screen)
        terminal.type("echo $? $((40 + 2))")
        terminal.expect("echo $? $((40 + 2))", "0 42")

    def test_ctrl_c_leaves_it_too(self):
        terminal = self.start_top()
        terminal.send("C-c")
        self.assertNotIn("CALLS/s", terminal.expect("before", "ready>"))
        # The line is shown as it is typed: the terminal echoes again.
        terminal.type("echo $?")
        terminal.expect("ready> echo $?", "130")

    def test_a_server_that_goes_is_told(self):
        terminal = self.start_top()
        self.servers[0].send_signal(signal.SIGTERM)
        terminal.expect("before", "mett: ", "ready>")
        terminal.type("echo status $?")
        terminal.expect("status 3")


class Watch(Living, WithServer):
    def test_saving_shows_the_next_answer(self):
        self.write("hello.py", HELLO)
        terminal = Terminal(self)
        terminal.type("mett watch hello.py world")
        terminal.expect("Hello, world!", "-- version 1, ", "watching hello.py")
        self.write("hello.py", HELLO.replace("Hello", "Bonjour"))
        terminal.expect("Bonjour, world!", "-- version 2, ")
        # As editors do it.
        self.write("new", HELLO.replace("Hello", "Salut"))
        os.rename(os.path.join(self.folder, "new"), os.path.join(self.folder, "hello.py"))
        terminal.expect("Salut, world!", "-- version 3, ")
        # A neighbour's are none of it.
        self.write("other.py", "")
        self.write("hello.py", HELLO.replace("Hello", "Hola"))
        terminal.expect("Hola, world!", "-- version 4, ")
        # The same again is invoked, and no version of its own.
        self.write("hello.py", HELLO.replace("Hello", "Hola"))
        soon(lambda: terminal.screen().count("-- version 4, ") == 2,
             lambda: f"not invoked again:\n{terminal.screen()}")
        self.assertNotIn("version 5", terminal.screen())
        self.assertEqual(self.mett("invoke", "hello", "all").stdout, "Hola, all!")
        terminal.send("C-c")
        terminal.expect("ready>")

    def test_an_answer_that_cannot_be_written_ends_it(self):
        self.write("hello.py", HELLO)
        with open("/dev/full", "w", encoding="ascii") as full:
            for option in [], ["--json"]:
                self.says(FAILED, "watch", *option, "hello.py", "world", "No space left on device",
                          stdout=full)

    def test_errors_are_shown_as_they_are(self):
        self.write("hello.c", C.format("Hello", " oops"))
        terminal = Terminal(self)
        terminal.type("mett watch hello.c world")
        terminal.expect("hello.c:5:", "error:", "oops", "the compiler's errors say why", "watching")
        self.write("hello.c", C.format("Hi", ""))
        terminal.expect("Hi, world!")
        self.write("hello.c", "#include <faas.h>\nint faas_main(const void *argument, size_t size)\n"
                              "{\n\treturn *(volatile int *)0;\n}\n")
        terminal.expect("crashed")
        self.write("hello.c", C.format("Again", ""))
        terminal.expect("Again, world!")

    def test_saving_cancels_what_still_runs(self):
        self.write("spin.py", SPIN)
        terminal = Terminal(self)
        terminal.type("mett watch spin.py world")
        soon(lambda: busy(self.servers[0].pid), "it does not run")
        self.write("spin.py", HELLO)
        terminal.expect("version 1 is cancelled", "Hello, world!")
        soon(lambda: not busy(self.servers[0].pid), "it still runs")

    def test_ctrl_c_ends_all_of_it(self):
        self.write("spin.py", SPIN)
        terminal = Terminal(self)
        terminal.type("mett watch --private spin.py world")
        soon(lambda: os.listdir(self.runtime), "there is no server")
        soon(lambda: busy(os.getpid()), "it does not run")
        terminal.send("C-c")
        soon(lambda: not os.listdir(self.runtime), "its server is still there")
        soon(lambda: not busy(os.getpid()), "it still runs")


@unittest.skipUnless(os.path.exists(RECORDER), "no recorder was built")
class Logs(WithServer):
    recorder = True

    def test_what_comes_is_shown(self):
        self.deploy()
        terminal = Terminal(self)
        terminal.type("mett logs -f hello")
        for name in "one", "two":
            self.mett("invoke", "hello", name)
            terminal.expect("log of " + name)
        terminal.send("C-c")
        terminal.expect("ready>")


class Progress(Folder):
    def test_a_long_compilation_says_so_and_then_no_more(self):
        """While the compiler waits for us."""
        self.write("hello.c", C.format("Hello", ""))
        self.write("slow-cc", "#!/bin/sh\ntouch started\nwhile [ ! -e go ]; do sleep 0.05; done\n"
                              "exec cc \"$@\"\n")
        os.chmod(os.path.join(self.folder, "slow-cc"), 0o755)
        self.environment["CC"] = "./slow-cc"
        terminal = Terminal(self)
        terminal.type("mett run hello.c world")
        terminal.expect("compiling hello.c, 0.")
        terminal.expect("compiling hello.c, 1.")
        self.write("go", "")
        terminal.expect("Hello, world!")
        self.assertNotIn("compiling", terminal.screen())

    def test_a_pipe_gets_none(self):
        self.write("hello.c", C.format("Hello", ""))
        self.write("slow-cc", "#!/bin/sh\nsleep 1\nexec cc \"$@\"\n")
        os.chmod(os.path.join(self.folder, "slow-cc"), 0o755)
        self.environment["CC"] = "./slow-cc"
        done = self.mett("run", "hello.c", "world")
        self.assertEqual((done.stdout, done.stderr), ("Hello, world!", ""))


class Interrupts(Living, WithServer):
    def test_ctrl_c_cancels_the_invocation_on_the_server(self):
        self.deploy(name="spin", text=SPIN)
        terminal = Terminal(self)
        terminal.type("mett invoke spin x")
        soon(lambda: busy(self.servers[0].pid), "its worker does not run")
        terminal.send("C-c")
        terminal.expect("cancelled", "ready>")
        soon(lambda: not busy(self.servers[0].pid), "its worker is still there")

    def test_ctrl_c_ends_a_run_and_its_server(self):
        self.write("spin.py", SPIN)
        terminal = Terminal(self)
        terminal.type("mett run spin.py x")
        soon(lambda: os.listdir(self.runtime), "there is no server")
        soon(lambda: busy(os.getpid()), "it does not run")
        terminal.send("C-c")
        terminal.expect("cancelled", "ready>")
        soon(lambda: not os.listdir(self.runtime), "its socket is still there")
        soon(lambda: not busy(os.getpid()), "it still runs")


if __name__ == "__main__":
    main()
