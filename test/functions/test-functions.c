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
#include <sys/resource.h>

enum { LARGE = 1 << 20 };

static const char *path_of(const char *name)
{
	char variable[64];

	snprintf(variable, sizeof(variable), "FUNCTION_%s", name);
	const char *path = getenv(variable);
	CHECK(path);
	return path;
}

/* Starts the function of that name as a worker. */
static void start(struct fake_process *ret, const char *name)
{
	struct fake_message ready;

	fake_start(ret, path_of(name), "worker");
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

	fake_start(&zygote, path_of("echo"), "zygote");
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

static char *many(char byte, size_t size)
{
	char *memory = malloc(size);

	CHECK(memory);
	return memset(memory, byte, size);
}

/* Memory the worker may still take, about. */
static void limit_memory(const struct fake_process *worker)
{
	struct rlimit limit = {16 << 20, 16 << 20};

	CHECK_EQ(prlimit(worker->pid, RLIMIT_DATA, &limit, NULL), 0);
}

static void expect_text(struct fake_process *worker, int error, const char *text)
{
	fake_expect_exit(worker, error, text, strlen(text));
}

/* The answer, which must be in the window; zero-terminated. */
static const char *text_of(const struct fake_process *worker)
{
	struct fake_message message;
	char *answer = (char *)worker->window->serve.answer;

	fake_receive(worker, MESSAGE_EXIT, &message);
	CHECK_EQ(message.exit.error, 0);
	CHECK(message.exit.size < METT_INLINE_MAX);
	answer[message.exit.size] = 0;
	return answer;
}

TEST(large_argument_and_answer)
{
	char *text = many('l', LARGE);
	struct fake_process worker;

	start(&worker, "echo");
	fake_wake(&worker, text, LARGE, 0);
	fake_lend(&worker, LARGE, NULL);
	fake_expect_exit(&worker, 0, text, LARGE);
	fake_end(&worker, 0);
	free(text);
}

TEST(answer_in_place)
{
	char *text = many('x', LARGE);
	struct fake_process worker;

	start(&worker, "answer");
	fake_wake(&worker, "7", 1, 1);
	fake_expect_exit(&worker, 0, text, 7);
	fake_wake(&worker, "65536", 5, 1);
	fake_lend(&worker, 131072, NULL);
	fake_expect_exit(&worker, 0, text, 65536);
	fake_wake(&worker, "100000", 6, 1);
	fake_lend(&worker, 200000, NULL);
	fake_expect_exit(&worker, 0, text, 100000);
	fake_wake(&worker, "16777216", 8, 0);
	expect_text(&worker, EMSGSIZE, "Message too long");
	fake_end(&worker, 0);
	free(text);
}

TEST(kept_process_remembers_and_a_fork_does_not)
{
	struct fake_process zygote, worker;
	struct fake_message ready;

	start(&worker, "counter");
	fake_wake(&worker, "", 0, 1);
	expect_text(&worker, 0, "1");
	fake_wake(&worker, "", 0, 0);
	expect_text(&worker, 0, "2");
	fake_end(&worker, 0);

	fake_start(&zygote, path_of("counter"), "zygote");
	fake_receive(&zygote, MESSAGE_READY, &ready);
	for (int i = 0; i < 3; i++) {
		fake_fork(&zygote, &worker);
		fake_wake(&worker, "", 0, 0);
		expect_text(&worker, 0, "1");
		fake_end(&worker, 0);
	}
	sys_cap_close(zygote.gate);
	zygote.gate = SYS_NO_CAP;
	fake_end(&zygote, 0);
}

TEST(failure_does_not_stick)
{
	struct fake_process worker;

	start(&worker, "end");
	fake_wake(&worker, "message", 7, 1);
	expect_text(&worker, 42, "6 times seven");
	fake_wake(&worker, "negative", 8, 1);
	expect_text(&worker, ENOENT, "No such file or directory");
	fake_wake(&worker, "", 0, 0);
	expect_text(&worker, 0, "well");
	CHECK_STR(fake_log(&worker), "to be flushedto be flushedto be flushed");
	fake_end(&worker, 0);
}

TEST(ends_without_answer)
{
	static const struct {
		const char *how;
		int signal, value, code;
	} ends[] = {
		{"abort", SIGABRT, 0, 134}, {"assert", SIGABRT, 0, 134},   {"exit", 0, 3, 3},
		{"quick", 0, 4, 4},         {"memory", 0, ENOMEM, ENOMEM},
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct fake_process worker;

		invoke(&worker, "end", ends[i].how);
		fake_expect_signal(&worker, ends[i].signal, ends[i].value);
		fake_expect_closed(&worker);
		CHECK_EQ(worker.window->notes, ends[i].code == ENOMEM ? WINDOW_NOTE_MEMORY : 0);
		fake_end(&worker, ends[i].code);
	}
}

TEST(out_of_memory_is_noted)
{
	struct fake_process worker;

	start(&worker, "allocate");
	limit_memory(&worker);
	fake_wake(&worker, "", 0, 0);
	fake_expect_signal(&worker, 0, ENOMEM);
	CHECK_EQ(worker.window->notes, WINDOW_NOTE_MEMORY);
	fake_end(&worker, ENOMEM);

	start(&worker, "allocate");
	limit_memory(&worker);
	fake_wake(&worker, "8000000", 7, 0);
	expect_text(&worker, 0, "8000000");
	fake_end(&worker, 0);
}

TEST(stack_overflow_is_explained)
{
	struct fake_process worker;

	invoke(&worker, "overflow", "");
	fake_expect_closed(&worker);
	CHECK(strstr(fake_log(&worker), "faas: stack overflow at address 0x7f"));
	fake_end_by_signal(&worker, SIGSEGV);
}

TEST(cxx_function)
{
	struct fake_process worker;

	invoke(&worker, "cxx", "served");
	expect_text(&worker, 0, "initialised and served");
	fake_end(&worker, 0);

	invoke(&worker, "cxx", "throw");
	fake_expect_signal(&worker, SIGABRT, 0);
	CHECK(strstr(fake_log(&worker), "thrown on purpose"));
	CHECK_EQ(worker.window->notes, 0);
	fake_end(&worker, 134);

	start(&worker, "cxx");
	limit_memory(&worker);
	fake_wake(&worker, "memory", 6, 0);
	fake_expect_signal(&worker, SIGABRT, 0);
	CHECK(strstr(fake_log(&worker), "bad_alloc"));
	CHECK_EQ(worker.window->notes, WINDOW_NOTE_MEMORY);
	fake_end(&worker, 134);
}

TEST(init_can_fail)
{
	static const char text[] = "no model of 3 dimensions";
	struct fake_process zygote;
	struct fake_message message;

	fake_start(&zygote, path_of("noinit"), "zygote");
	fake_receive(&zygote, MESSAGE_UNBUILT, &message);
	CHECK_EQ(message.received.size, sizeof(message.unbuilt) + strlen(text));
	CHECK(!memcmp(message.bytes + sizeof(message.unbuilt), text, strlen(text)));
	fake_end(&zygote, 1);
}

TEST(call_passes_on)
{
	struct fake_process worker;
	struct fake_message call;

	start(&worker, "call");
	fake_wake(&worker, "echo two words", 14, 1);
	fake_receive(&worker, MESSAGE_INVOKE, &call);
	CHECK_STR(call.invoke.name.text, "echo");
	CHECK_EQ(call.invoke.size, 9);
	CHECK(!memcmp(worker.window->nested.argument, "two words", 9));
	fake_done(&worker, &call, METT_OK, "", "answered", 8);
	expect_text(&worker, 0, "answered");

	fake_wake(&worker, "crash", 5, 1);
	fake_receive(&worker, MESSAGE_INVOKE, &call);
	CHECK_STR(call.invoke.name.text, "crash");
	CHECK_EQ(call.invoke.size, 0);
	fake_done(&worker, &call, METT_CRASHED, "action 'crash': it did", "", 0);
	expect_text(&worker, 1, "action 'crash': it did");

	fake_wake(&worker, " x", 2, 0);
	expect_text(&worker, 1, "argument ' x' does not begin with a name and a space");
	fake_end(&worker, 0);
}

TEST(times_are_measured)
{
	struct fake_process worker;

	invoke(&worker, "sleep", "20");
	long us = atol(text_of(&worker));
	CHECK(us >= 20000 && us < 10000000);
	fake_end(&worker, 0);

	invoke(&worker, "busy", "1000000");
	us = atol(text_of(&worker));
	CHECK(us >= 100 && us < 10000000);
	fake_end(&worker, 0);
}

TEST(log_of_both_streams)
{
	struct fake_process worker;

	invoke(&worker, "log", "a\nb");
	expect_text(&worker, 0, "2");
	CHECK_STR(fake_log(&worker), "err: a\nerr: b\nout: a\nout: b\n");
	fake_end(&worker, 0);
}

TEST(nothing_but_what_it_was_given)
{
	struct fake_process worker;

	invoke(&worker, "peek", "");
	CHECK(!strncmp(text_of(&worker), "fds: 0 1 2 3\n", 13));
	fake_end(&worker, 0);
}

/* Out of the sandbox none of the attempts is made, only their list. */
TEST(escape_names_its_attempts)
{
	struct fake_process worker;

	invoke(&worker, "escape", "");
	CHECK(strstr(text_of(&worker), "\nptrace\n"));
	fake_end(&worker, 0);
	invoke(&worker, "escape", "nonsense");
	expect_text(&worker, 1, "no attempt of the name 'nonsense'");
	fake_end(&worker, 0);
}

/* From here on: do those that misbehave really do so? */

TEST(closefds_hangs_up)
{
	struct fake_process worker;

	invoke(&worker, "closefds", "");
	fake_expect_closed(&worker);
	fake_end(&worker, 1);
}

TEST(scribble_changes_the_window)
{
	struct fake_process worker;
	size_t zeroes = 0;

	invoke(&worker, "scribble", "");
	struct fake_message message;
	fake_receive(&worker, MESSAGE_EXIT, &message);
	for (size_t i = 0; i < sizeof(*worker.window); i++)
		zeroes += ((unsigned char *)worker.window)[i] == 0;
	CHECK(zeroes < sizeof(*worker.window) / 64);
	fake_end(&worker, 0);
}

TEST(rubbish_is_mostly_refused)
{
	static char bytes[4 * MESSAGE_MAX];
	struct sys_received received;
	struct fake_process worker;
	unsigned all = 0, with_caps = 0, lawful = 0;
	int result;

	invoke(&worker, "rubbish", "");
	fake_hang_up(&worker);
	while ((result = sys_gate_recv(worker.gate, bytes, sizeof(bytes), &received)) !=
	       SYS_CLOSED) {
		if (result == SYS_AGAIN) {
			sys_gate_wait(worker.gate, 0, 0);
			continue;
		}
		CHECK(result >= 0);
		all++;
		if (result == 0) {
			with_caps += received.cap_count > 0;
			lawful += message_check(bytes, received.size, received.cap_count,
			                        FROM_WORKER) != MESSAGE_NONE;
			sys_received_close(&received);
		}
	}
	CHECK(all > 500 && with_caps > 10 && lawful > 0 && lawful < all / 2);
	fake_end(&worker, 0);
}

TEST(forkbomb_goes_off)
{
	struct fake_process worker;

	invoke(&worker, "forkbomb", "thread");
	expect_text(&worker, 0, "1000");
	fake_end(&worker, 0);
}

TEST(bigtext_is_big)
{
	struct fake_process worker;
	size_t size = 0;

	invoke(&worker, "bigtext", "");
	while (size < 16 << 20)
		size += strlen(fake_log(&worker));
	expect_text(&worker, 0, "done");
	fake_end(&worker, 0);
}

TEST(liar_lies)
{
	struct fake_message message;
	struct fake_process worker;

	invoke(&worker, "liar", "twice");
	fake_receive(&worker, MESSAGE_EXIT, &message);
	fake_receive(&worker, MESSAGE_EXIT, &message);
	expect_text(&worker, 0, "told");
	fake_end(&worker, 0);

	invoke(&worker, "liar", "nothing");
	fake_receive(&worker, MESSAGE_EXIT, &message);
	CHECK(message.exit.size > METT_INLINE_MAX && !message.received.cap_count);
	expect_text(&worker, 0, "told");
	fake_end(&worker, 0);

	invoke(&worker, "liar", "empty");
	fake_expect_closed(&worker);
	CHECK_EQ(kill(worker.pid, SIGKILL), 0);
	fake_end_by_signal(&worker, SIGKILL);

	invoke(&worker, "liar", "still-mapped");
	fake_lend(&worker, 100000, NULL);
	fake_receive(&worker, MESSAGE_EXIT, &message);
	CHECK_EQ(sys_dataspace_seal(message.received.caps[0]), -EBUSY);
	sys_received_close(&message.received);
	CHECK_EQ(kill(worker.pid, SIGKILL), 0);
	fake_end_by_signal(&worker, SIGKILL);
}
