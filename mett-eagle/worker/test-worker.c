/*
 * The worker library in a program of its own, with the server's part played here.
 */
#include "fake-server.h"

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 1 << 20 };

static void start(struct fake_process *ret, const char *role)
{
	struct fake_message ready;

	fake_start(ret, getenv("TEST_PROGRAM"), role);
	fake_receive(ret, MESSAGE_READY, &ready);
}

/* Starts a worker with that to do. */
static void invoke(struct fake_process *ret, const char *argument)
{
	start(ret, "worker");
	fake_wake(ret, argument, strlen(argument), 0);
}

static void expect_failure(struct fake_process *worker, int error, const char *text)
{
	fake_expect_exit(worker, error, text, strlen(text));
	fake_end(worker, 0);
}

static char *many(char byte, size_t size)
{
	char *memory = malloc(size);

	CHECK(memory);
	return memset(memory, byte, size);
}

TEST(worker_serves_and_ends)
{
	struct fake_process worker;

	invoke(&worker, "who");
	fake_expect_exit(&worker, 0, "action 100, served 0", 20);
	fake_expect_closed(&worker);
	fake_end(&worker, 0);
}

/* A runtime's zygote and its forks have what it is to run, and no descriptor of it. */
TEST(runtime_gets_its_function)
{
	struct fake_process zygote, worker;
	struct fake_message ready;
	sys_cap function;
	void *memory;

	CHECK_EQ(sys_dataspace_new("function", 7, 0, &function), 0);
	CHECK_EQ(sys_map(function, 7, 1, &memory), 0);
	memcpy(memory, "to run", 7);
	sys_unmap(memory, 7);
	CHECK_EQ(sys_dataspace_seal(function), 0);
	setenv("TEST_FUNCTION", "1", 1);
	fake_start_runtime(&zygote, getenv("TEST_PROGRAM"), "zygote", function);
	sys_cap_close(function);
	fake_receive(&zygote, MESSAGE_READY, &ready);
	fake_fork(&zygote, &worker);
	fake_wake(&worker, "function", 8, 0);
	fake_expect_exit(&worker, 0, "to run", 7);
	fake_expect_closed(&worker);
	fake_end(&worker, 0);
	fake_hang_up(&zygote);
	fake_end(&zygote, 0);
}

TEST(runtime_without_a_function_says_so)
{
	struct fake_process zygote;

	setenv("TEST_FUNCTION", "1", 1);
	fake_start(&zygote, getenv("TEST_PROGRAM"), "zygote");
	fake_expect_closed(&zygote);
	CHECK(strstr(fake_log(&zygote), "this program runs functions"));
	fake_end(&zygote, 1);
}

TEST(worker_kept_serves_again)
{
	struct fake_process worker;

	start(&worker, "worker");
	for (int i = 0; i < 5; i++) {
		char expected[32];

		fake_wake(&worker, "who", 3, i < 4);
		snprintf(expected, sizeof(expected), "action %d, served %d", 100 + i, i);
		fake_expect_exit(&worker, 0, expected, strlen(expected));
	}
	fake_end(&worker, 0);
}

TEST(zygote_forks_workers_alike)
{
	struct fake_process zygote, worker;

	start(&zygote, "zygote");
	for (int i = 0; i < 5; i++) {
		fake_fork(&zygote, &worker);
		/* Its own, not the zygote's: so that we could wait for it. */
		CHECK(worker.pid != zygote.pid);
		fake_wake(&worker, "who", 3, 0);
		fake_expect_exit(&worker, 0, "action 100, served 0", 20);
		fake_end(&worker, 0);
	}
	fake_fork(&zygote, &worker);
	sys_cap_close(zygote.gate);
	zygote.gate = SYS_NO_CAP;
	fake_end(&zygote, 0);
	/* What is parked outlives its zygote. */
	fake_wake(&worker, "who", 3, 0);
	fake_expect_exit(&worker, 0, "action 100, served 0", 20);
	fake_end(&worker, 0);
}

/* Descriptors a zygote's worker has once it is parked, as a bit mask. */
static unsigned fds_of(pid_t pid)
{
	unsigned fds = 0;
	char path[64];

	for (int fd = 0; fd < 32; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		if (!access(path, F_OK) || errno == EACCES)
			fds |= 1U << fd;
	}
	return fds;
}

static unsigned count_fds(pid_t pid)
{
	unsigned count = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	CHECK(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* What a process holds for a moment longer than its message needs it does not count. */
static void expect_fds(pid_t pid, unsigned count)
{
	for (int i = 0; count_fds(pid) != count && i < 500; i++)
		usleep(10000);
	CHECK_EQ(count_fds(pid), count);
}

TEST(descriptors_are_closed_again)
{
	struct fake_process zygote, worker;
	struct message_fork ask = {{.type = MESSAGE_FORK}, .count = 1};
	unsigned before;

	start(&zygote, "zygote");
	before = fds_of(zygote.pid);
	CHECK_EQ(before, 0xf);
	fake_fork(&zygote, &worker);
	fake_wake(&worker, "invoke x 0", 10, 0);
	struct fake_message call;
	fake_receive(&worker, MESSAGE_INVOKE, &call);
	CHECK_EQ(fds_of(worker.pid), 0xf);
	fake_done(&worker, &call, METT_OK, "", "", 0);
	fake_expect_exit(&worker, 0, "", 0);
	fake_end(&worker, 0);
	CHECK_EQ(fds_of(zygote.pid), before);
	/* A FORK for more than it names ends it: the server does not send such. */
	CHECK_EQ(sys_gate_send(zygote.gate, &ask, sizeof(ask), NULL, 0), 0);
	fake_end(&zygote, 1);
}

TEST(seats_serve_one_worker_after_the_other)
{
	enum { SEATS = 3 };
	static const uint32_t seats[SEATS] = {0, SEATS_MAX - 1, 7};
	struct fake_process zygote, workers[SEATS];

	start(&zygote, "zygote");
	for (int i = 0; i < SEATS; i++)
		fake_furnish(&zygote, seats[i], &workers[i]);
	expect_fds(zygote.pid, 4 + SEATS * FORK_CALLEE);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < SEATS; i++) {
			fake_wake(&workers[i], "who", 3, 1);
			fake_expect_exit(&workers[i], 0, "action 100, served 0", 20);
			/* Each its own, and nothing of the others'. */
			expect_fds(workers[i].pid, 4);
			fake_kill(&workers[i]);
		}
		fake_fork_again(&zygote, seats, SEATS, workers);
		expect_fds(zygote.pid, 4 + SEATS * FORK_CALLEE);
	}
	for (int i = 0; i < SEATS; i++) {
		CHECK_EQ(kill(workers[i].pid, SIGKILL), 0);
		fake_end_by_signal(&workers[i], SIGKILL);
	}
	fake_end(&zygote, 0);
}

TEST(sizes_around_the_window)
{
	static const size_t sizes[] = {
		0, 1, METT_INLINE_MAX - 1, METT_INLINE_MAX, METT_INLINE_MAX + 1, LARGE};
	char *argument = many('e', LARGE);
	struct fake_process worker;

	start(&worker, "worker");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fake_wake(&worker, argument, sizes[i], 1);
		if (sizes[i] > METT_INLINE_MAX)
			fake_lend(&worker, sizes[i], NULL);
		fake_expect_exit(&worker, 0, argument, sizes[i]);
	}
	CHECK_EQ(kill(worker.pid, SIGKILL), 0);
	fake_end_by_signal(&worker, SIGKILL);
	free(argument);
}

TEST(answer_in_place)
{
	char *answer = many('x', LARGE);
	struct fake_process worker;

	start(&worker, "worker");
	fake_wake(&worker, "space 1000 999", 14, 1);
	fake_expect_exit(&worker, 0, answer, 999);
	fake_wake(&worker, "space 100000 100000", 19, 1);
	fake_lend(&worker, 100000, NULL);
	fake_expect_exit(&worker, 0, answer, 100000);
	/* Less than the window holds goes there, from wherever it was made. */
	fake_wake(&worker, "space 100000 65536", 18, 1);
	fake_lend(&worker, 100000, NULL);
	fake_expect_exit(&worker, 0, answer, 65536);
	/* More than was asked for is refused here. */
	fake_wake(&worker, "space 100000 100001", 19, 1);
	fake_lend(&worker, 100000, NULL);
	fake_expect_exit(&worker, 1, "exit gave -90", 13);
	fake_wake(&worker, "space 16777217 1", 16, 0);
	fake_expect_exit(&worker, 1, "space gave -90", 14);
	fake_end(&worker, 0);
	free(answer);
}

/* Wakes a worker as a client does; the argument lies in the room. */
static void wake_by_lane(const struct fake_process *worker, const char *argument, size_t size,
                         uint32_t call)
{
	struct worker_window *window = worker->window;

	memset(window->room.argument, 0, WINDOW_ROOM);
	memcpy(window->room.argument, argument, strlen(argument));
	window->by_lane = 1;
	window->keep = 1;
	window->size = size;
	window->call = call;
	atomic_fetch_add(&window->turn, 1);
	sys_word_wake(&window->turn);
}

static void expect_answer_by_lane(const struct fake_process *worker, const void *answer,
                                  size_t size)
{
	struct worker_window *window = worker->window;
	uint32_t running = window_call(CALL_RUNNING, 5);

	while (window->call == running)
		sys_word_wait(&window->call, running, 0);
	CHECK_EQ(window->call, window_call(CALL_ANSWERED, 5));
	CHECK_EQ(window->reply.size, size);
	CHECK(!memcmp(size > METT_INLINE_MAX ? window->room.answer : window->serve.answer, answer,
	              size));
}

TEST(large_payloads_by_lane)
{
	static const size_t sizes[] = {METT_INLINE_MAX + 1, LARGE, WINDOW_ROOM};
	char *answer = many('x', WINDOW_ROOM);
	struct fake_process worker;

	start(&worker, "worker");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		wake_by_lane(&worker, "as it is", sizes[i], window_call(CALL_RUNNING, 5));
		expect_answer_by_lane(&worker, worker.window->room.argument, sizes[i]);
	}
	wake_by_lane(&worker, "space 100000 100000", LARGE, window_call(CALL_RUNNING, 5));
	expect_answer_by_lane(&worker, answer, 100000);
	wake_by_lane(&worker, "space 100000 10", LARGE, window_call(CALL_RUNNING, 5));
	expect_answer_by_lane(&worker, answer, 10);
	/* What the room does not hold the server passes on. */
	wake_by_lane(&worker, "space 4194305 4194305", LARGE, window_call(CALL_RUNNING, 5));
	fake_lend(&worker, WINDOW_ROOM + 1, NULL);
	struct fake_message message;
	fake_receive(&worker, MESSAGE_EXIT, &message);
	CHECK_EQ(message.exit.size, WINDOW_ROOM + 1);
	CHECK_EQ(message.received.cap_count, 1);
	sys_received_close(&message.received);
	CHECK_EQ(kill(worker.pid, SIGKILL), 0);
	fake_end_by_signal(&worker, SIGKILL);
	free(answer);
}

/* Its argument is still in the room; its answer must go where the server takes it from. */
TEST(large_payload_of_a_call_that_the_server_took)
{
	char *answer = many('x', LARGE);
	struct fake_process worker;

	start(&worker, "worker");
	wake_by_lane(&worker, "space 100000 100000", LARGE, window_call(CALL_TAKEN, 5));
	fake_lend(&worker, 100000, NULL);
	fake_expect_exit(&worker, 0, answer, 100000);
	/* What it wrote the client would never see: so there the server is told too. */
	wake_by_lane(&worker, "write", LARGE, window_call(CALL_RUNNING, 5));
	fake_lend(&worker, 100000, NULL);
	fake_expect_exit(&worker, 0, answer, 100000);
	CHECK_EQ(kill(worker.pid, SIGKILL), 0);
	fake_end_by_signal(&worker, SIGKILL);
	free(answer);
}

TEST(answer_beyond_the_limit)
{
	struct fake_process worker;

	start(&worker, "worker");
	worker.window->payload_max = 3;
	fake_wake(&worker, "four", 4, 0);
	/* The text of a failure is no payload. */
	expect_failure(&worker, 1, "exit gave -90");
}

TEST(server_lends_nothing)
{
	static const enum mett_reason reasons[] = {METT_NO_MEMORY, METT_TOO_LARGE};
	static const char *const texts[] = {"space gave -12", "space gave -90"};
	struct fake_process worker;

	for (int i = 0; i < 2; i++) {
		struct message_status status = {{.type = MESSAGE_STATUS}, reasons[i], 0};
		struct fake_message ask;

		invoke(&worker, "space 100000 1");
		fake_receive(&worker, MESSAGE_DATASPACE, &ask);
		CHECK_EQ(sys_gate_send(worker.gate, &status, sizeof(status), NULL, 0), 0);
		expect_failure(&worker, 1, texts[i]);
	}
}

TEST(failure_carries_code_and_text)
{
	char zeroes[METT_MESSAGE_MAX - 1] = "";
	struct fake_process worker;

	invoke(&worker, "fail");
	expect_failure(&worker, 7, "it is so");
	invoke(&worker, "longfail");
	fake_expect_exit(&worker, 7, zeroes, sizeof(zeroes));
	fake_end(&worker, 0);
}

TEST(first_word_counts)
{
	struct fake_process worker;

	invoke(&worker, "signal");
	fake_expect_signal(&worker, SIGABRT, 0);
	fake_expect_closed(&worker);
	fake_end(&worker, 9);
}

TEST(memory_is_noted)
{
	struct fake_process worker;

	invoke(&worker, "memory");
	fake_expect_closed(&worker);
	CHECK_EQ(worker.window->notes, WINDOW_NOTE_MEMORY);
	fake_end(&worker, 8);
}

static void expect_invoke(const struct fake_process *worker, size_t size, struct fake_message *ret)
{
	char *argument = many('i', size);
	void *memory = worker->window->nested.argument;

	fake_receive(worker, MESSAGE_INVOKE, ret);
	CHECK(message_name_valid(&ret->invoke.name));
	CHECK_STR(ret->invoke.name.text, "callee");
	CHECK_EQ(ret->invoke.config.timeout_us, 5);
	CHECK_EQ(ret->invoke.size, size);
	CHECK_EQ(ret->invoke.slot, 0);
	CHECK_EQ(ret->received.cap_count, size > METT_INLINE_MAX);
	if (size > METT_INLINE_MAX) {
		CHECK_EQ(sys_dataspace_seal(ret->received.caps[0]), 0);
		CHECK_EQ(sys_map(ret->received.caps[0], size, 0, &memory), 0);
	}
	CHECK(!memcmp(memory, argument, size));
	if (size > METT_INLINE_MAX)
		sys_unmap(memory, size);
	sys_received_close(&ret->received);
	free(argument);
}

TEST(nested_invocation)
{
	char *answer = many('n', LARGE);
	struct fake_process worker;
	struct fake_message call;

	start(&worker, "worker");
	fake_wake(&worker, "invoke callee 3", 15, 1);
	expect_invoke(&worker, 3, &call);
	fake_done(&worker, &call, METT_OK, "", "result", 6);
	fake_expect_exit(&worker, 0, "result", 6);

	fake_wake(&worker, "invoke callee 70000", 19, 1);
	fake_lend(&worker, 70000, NULL);
	expect_invoke(&worker, 70000, &call);
	fake_done(&worker, &call, METT_OK, "", answer, LARGE);
	fake_lend(&worker, LARGE, NULL);
	fake_expect_exit(&worker, 0, answer, LARGE);

	fake_wake(&worker, "invoke callee 0", 15, 0);
	expect_invoke(&worker, 0, &call);
	fake_done(&worker, &call, METT_TIMED_OUT, "action 'callee': too slow", "", 0);
	expect_failure(&worker, 2, "-14 10 action 'callee': too slow");
	free(answer);
}

TEST(invocation_refused_here)
{
	struct fake_process worker;

	invoke(&worker, "invoke a/b 3");
	expect_failure(&worker, 2,
	               "-22 1 action 'a/b': not a name of an action; "
	               "it has 1 to 64 of A-Z a-z 0-9 . _ -");
	invoke(&worker, "invoke callee 16777217");
	expect_failure(&worker, 2,
	               "-90 6 action 'callee': argument is larger than the server takes; "
	               "see --max-payload");
}

TEST(start_can_fail)
{
	struct fake_process zygote;
	struct fake_message message;

	setenv("TEST_FAIL_START", "no such model", 1);
	fake_start(&zygote, getenv("TEST_PROGRAM"), "zygote");
	fake_receive(&zygote, MESSAGE_UNBUILT, &message);
	CHECK_EQ(message.received.size, sizeof(message.unbuilt) + 13);
	CHECK(!memcmp(message.bytes + sizeof(message.unbuilt), "no such model", 13));
	fake_end(&zygote, 1);
	unsetenv("TEST_FAIL_START");
}

TEST(ends_with_the_server)
{
	struct fake_process worker;

	start(&worker, "worker");
	sys_cap_close(worker.gate);
	worker.gate = SYS_NO_CAP;
	fake_wake(&worker, "who", 3, 1);
	fake_end(&worker, 0);
}

TEST(says_what_it_is)
{
	struct fake_process program;

	fake_start(&program, getenv("TEST_PROGRAM"), "by hand");
	fake_expect_closed(&program);
	CHECK(strstr(fake_log(&program), "deploy it"));
	fake_end(&program, 1);
}
