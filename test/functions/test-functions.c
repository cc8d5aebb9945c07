/*
 * Functions as the server will run them, but for the sandbox: libfaas with the
 * server's part played by the test.
 */
#include "worker/fake-server.h"

#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Starts the function of that name as a worker. */
static void start(struct fake_process *ret, const char *name)
{
	char path[4096], variable[64];
	struct fake_message ready;

	snprintf(variable, sizeof(variable), "FUNCTION_%s", name);
	const char *program = getenv(variable);
	CHECK(program);
	snprintf(path, sizeof(path), "%s", program);
	fake_start(ret, path, "worker");
	fake_receive(ret, MESSAGE_READY, &ready);
}

static void invoke(struct fake_process *ret, const char *name, const char *argument)
{
	start(ret, name);
	fake_wake(ret, argument, strlen(argument), 0);
}

TEST(empty_answers_nothing)
{
	struct fake_process worker;

	invoke(&worker, "empty", "");
	fake_expect_exit(&worker, 0, "", 0);
	fake_end(&worker, 0);
}

TEST(echo_answers_its_argument)
{
	struct fake_process worker;

	invoke(&worker, "echo", "hello");
	fake_expect_exit(&worker, 0, "hello", 5);
	fake_end(&worker, 0);
}

TEST(zygote_forks_fresh_workers)
{
	struct fake_process zygote, workers[3];
	struct fake_message ready;

	fake_start(&zygote, getenv("FUNCTION_echo"), "zygote");
	fake_receive(&zygote, MESSAGE_READY, &ready);
	for (int i = 0; i < 3; i++)
		fake_fork(&zygote, &workers[i]);
	for (int i = 2; i >= 0; i--) {
		char text[] = {(char)('a' + i)};

		fake_wake(&workers[i], text, 1, 0);
		fake_expect_exit(&workers[i], 0, text, 1);
		fake_end(&workers[i], 0);
	}
	sys_cap_close(zygote.gate);
	zygote.gate = SYS_NO_CAP;
	fake_end(&zygote, 0);
}

TEST(crash_is_explained)
{
	struct fake_process worker;

	invoke(&worker, "crash", "");
	fake_expect_closed(&worker);
	CHECK(strstr(fake_log(&worker), "segmentation fault at address 0x0,"));
	CHECK_EQ(worker.window->notes, 0);
	fake_end_by_signal(&worker, SIGSEGV);
}

TEST(exit_is_reported)
{
	struct fake_process worker;

	invoke(&worker, "exit", "42");
	fake_expect_signal(&worker, 0, 42);
	fake_end(&worker, 42);
}

TEST(failure_has_a_text)
{
	static const char text[] = "argument 'x' is not a number";
	struct fake_process worker;

	invoke(&worker, "sleep", "x");
	fake_expect_exit(&worker, 1, text, strlen(text));
	fake_end(&worker, 0);
}
