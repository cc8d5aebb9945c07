/*
 * Invocations: what comes back, in which order, and what becomes of it when the
 * server goes away.
 */
#include "test-server.h"

#include <test.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static struct test_server server;

static struct mett_client *start(void (*serve)(struct test_server *server))
{
	struct mett_client *client = NULL;
	struct mett_error error;

	test_server_init(&server, serve);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, &error), 0);
	CHECK_STR(error.message, "");
	return client;
}

static void stop(struct mett_client *client)
{
	mett_client_free(client);
	test_server_stop(&server);
}

/* Answers each invocation with its argument; "fail" fails. */
static void serve_echo(struct test_server *its)
{
	while (test_server_take(its) == MESSAGE_INVOKE) {
		struct message_invoke invoke = *(struct message_invoke *)its->message;
		void *argument = its->window->slot[invoke.slot].argument;

		if (its->received.cap_count)
			CHECK_EQ(sys_map(its->received.caps[0], invoke.size, 0, &argument), 0);
		if (!strcmp(invoke.name.text, "fail"))
			test_server_done(its, &invoke, METT_FAILED, "", 0, "no\x1b[31m luck",
			                 "a log\n");
		else
			test_server_done(its, &invoke, METT_OK, argument, invoke.size, "", "log");
		if (its->received.cap_count)
			sys_unmap(argument, invoke.size);
	}
}

static void serve_echo_without_descriptors(struct test_server *its)
{
	const struct message_invoke *invoke = (void *)its->message;
	struct message_lane lane = {.header.type = MESSAGE_LANE};
	struct rlimit before, none;
	sys_cap large;

	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	struct message_done done = {.header = {MESSAGE_DONE, invoke->header.tag},
	                            .slot = invoke->slot,
	                            .activation = 5,
	                            .size = 100000};
	message_name_set(&lane.name, "echo");
	CHECK_EQ(mett_dataspace_fill("large", its->window, done.size, &large), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)dup(large);
	close((int)none.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &none);
	test_server_send(its, &lane, sizeof(lane), large);
	test_server_send(its, &done, sizeof(done), large);
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	setrlimit(RLIMIT_NOFILE, &before);
	sys_cap_close(large);
	test_server_done(its, invoke, METT_OK, "hello", 5, "", "");
	serve_echo(its);
}

static void check_echo(struct mett_client *client, size_t size)
{
	struct mett_result result;
	unsigned char *bytes = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i * 7 + 1);
	CHECK_EQ(mett_action_invoke(client, "echo", bytes, size, NULL, &result), 0);
	CHECK_EQ(result.answer_size, size);
	CHECK(memcmp(result.answer, bytes, size) == 0);
	CHECK_EQ(((const char *)result.answer)[size], 0);
	CHECK_STR(result.log, "log");
	CHECK_EQ(result.log_size, 3);
	CHECK_EQ(result.metadata.start_worker, 1);
	CHECK_EQ(result.metadata.end_worker, 6);
	CHECK_EQ(result.error.reason, METT_OK);
	CHECK_STR(result.error.message, "");
	CHECK(result.activation > 1000);
	mett_result_deinit(&result);
	mett_result_deinit(&result);
	free(bytes);
}

TEST(an_answer_there_is_no_descriptor_for_is_a_failure)
{
	struct mett_client *client = start(serve_echo_without_descriptors);
	struct mett_result result;

	CHECK_EQ(mett_action_invoke(client, "echo", "hello", 5, NULL, &result), -ENOMEM);
	CHECK_EQ(result.error.reason, METT_NO_MEMORY);
	CHECK(strstr(result.error.message, "no descriptor"));
	CHECK_EQ(result.activation, 5);
	mett_result_deinit(&result);
	CHECK_EQ(mett_action_invoke(client, "echo", "hello", 5, NULL, &result), 0);
	CHECK_EQ(result.answer_size, 5);
	mett_result_deinit(&result);
	stop(client);
}

TEST(answers_of_all_sizes_come_back_whole)
{
	struct mett_client *client = start(serve_echo);
	const size_t sizes[] = {0,       1,     4096,          METT_INLINE_MAX - 1, METT_INLINE_MAX,
	                        1 << 17, 65537, (1 << 17) - 1, METT_PAYLOAD_MAX};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		check_echo(client, sizes[i]);
	stop(client);
}

TEST(a_failure_says_why)
{
	struct mett_client *client = start(serve_echo);
	struct mett_result result;

	CHECK_EQ(mett_action_invoke(client, "fail", NULL, 0, NULL, &result), -EFAULT);
	CHECK_EQ(result.error.reason, METT_FAILED);
	CHECK_EQ(result.error.detail, 7);
	CHECK_STR(result.error.message, "no [31m luck");
	CHECK_STR(result.answer, "");
	CHECK_STR(result.log, "a log\n");
	mett_result_deinit(&result);
	CHECK_EQ(mett_action_invoke(client, "fail", NULL, 0, NULL, NULL), -EFAULT);
	CHECK_EQ(mett_action_invoke(client, "echo", "x", 1, NULL, NULL), 0);
	stop(client);
}

static void serve_all_reasons(struct test_server *its)
{
	for (unsigned reason = METT_OK + 1; reason < METT_REASON_COUNT; reason++) {
		CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
		test_server_done(its, (struct message_invoke *)its->message, reason, "", 0, "", "");
	}
}

TEST(every_reason_arrives)
{
	struct mett_client *client = start(serve_all_reasons);

	for (unsigned reason = METT_OK + 1; reason < METT_REASON_COUNT; reason++) {
		struct mett_result result;

		CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, &result),
		         -mett_reason_errno(reason));
		CHECK_EQ(result.error.reason, reason);
		CHECK_STR(result.error.message, mett_reason_name(reason));
		mett_result_deinit(&result);
	}
	stop(client);
}

TEST(misuse_is_refused_before_it_is_sent)
{
	struct mett_client *client = start(serve_echo);
	char name[METT_NAME_MAX + 2];
	const char *bad[] = {NULL, "", "a b", "a/b", "\xc3\xa4", name};
	struct mett_result result;
	struct mett_error error;
	uint64_t token;

	memset(name, 'n', sizeof(name));
	name[METT_NAME_MAX + 1] = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(mett_action_invoke(client, bad[i], "", 0, NULL, &result), -EINVAL);
		CHECK_EQ(result.error.reason, METT_BAD_ARGUMENT);
		CHECK(strstr(result.error.message, "lawful name"));
		CHECK_EQ(mett_action_submit(client, bad[i], "", 0, NULL, 1, &error), -EINVAL);
	}
	CHECK_EQ(mett_action_invoke(NULL, "f", "", 0, NULL, &result), -EINVAL);
	CHECK_STR(result.answer, "");
	CHECK_EQ(mett_action_submit(NULL, "f", "", 0, NULL, 1, NULL), -EINVAL);
	CHECK_EQ(mett_action_invoke(client, "f", NULL, 1, NULL, &result), -EINVAL);
	CHECK_EQ(mett_action_invoke(client, "f", "", METT_PAYLOAD_MAX + 1, NULL, &result),
	         -EMSGSIZE);
	CHECK_EQ(result.error.detail, METT_PAYLOAD_MAX);
	CHECK_EQ(mett_client_complete(NULL, 0, &token, &result), -EINVAL);
	CHECK_EQ(mett_client_complete(client, 0, NULL, &result), -EINVAL);
	CHECK_EQ(mett_client_complete(client, 0, &token, NULL), -EINVAL);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 0);
	CHECK_EQ(mett_client_in_flight(client), 0);
	CHECK_EQ(mett_client_in_flight(NULL), 0);
	CHECK_EQ(mett_client_reaped(client, NULL, 3), 0);
	mett_result_deinit(NULL);
	name[METT_NAME_MAX] = 0;
	CHECK_EQ(mett_action_invoke(client, name, "", 0, NULL, NULL), 0);
	stop(client);
}

static void serve_backwards(struct test_server *its)
{
	struct message_invoke invokes[4];

	for (int i = 0; i < 4; i++) {
		CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
		invokes[i] = *(struct message_invoke *)its->message;
	}
	/* The first three are submitted, the fourth is the one the client waits for. */
	test_server_done(its, &invokes[2], METT_OK, "2", 1, "", "");
	test_server_done(its, &invokes[0], METT_OK, "0", 1, "", "");
	test_server_done(its, &invokes[3], METT_OK, "3", 1, "", "");
	CHECK_EQ(test_server_take(its), MESSAGE_DELETE);
	test_server_done(its, &invokes[1], METT_CRASHED, "", 0, "1", "");
	test_server_status(its, METT_OK, "");
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

static bool is_readable(const struct mett_client *client)
{
	struct pollfd poll_for = {.fd = mett_client_fd(client), .events = POLLIN};

	return poll(&poll_for, 1, 0) == 1;
}

TEST(outcomes_wait_while_something_else_is_waited_for)
{
	struct mett_client *client = start(serve_backwards);
	struct mett_result result;
	struct mett_error error;
	const uint64_t order[] = {102, 100, 101};
	uint64_t token;

	CHECK(!is_readable(client));
	for (uint64_t i = 0; i < 3; i++)
		CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 100 + i, &error), 0);
	CHECK_EQ(mett_client_in_flight(client), 3);
	CHECK_EQ(mett_client_complete(client, 1000, &token, &result), 0);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, &result), 0);
	CHECK_STR(result.answer, "3");
	mett_result_deinit(&result);
	CHECK(is_readable(client));
	CHECK_EQ(mett_action_delete(client, "f", &error), 0);
	for (int i = 0; i < 3; i++) {
		CHECK(is_readable(client));
		CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
		CHECK_EQ(token, order[i]);
		CHECK_EQ(result.error.reason, token == 101 ? METT_CRASHED : METT_OK);
		CHECK_EQ(*(const char *)result.answer, token == 101 ? 0 : (char)(token - 52));
		mett_result_deinit(&result);
	}
	CHECK(!is_readable(client));
	CHECK_EQ(mett_client_in_flight(client), 0);
	stop(client);
}

/* Reads nothing until its own messages fill the gate, and sends before it reads. */
static void serve_when_full(struct test_server *its)
{
	static char log[METT_LOG_TAIL_MAX];

	memset(log, 'l', sizeof(log) - 1);
	usleep(100000);
	for (int i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
		test_server_done(its, (struct message_invoke *)its->message, METT_OK, "x", 1, "",
		                 log);
	}
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

TEST_TIMEOUT(a_full_gate_does_not_lock_up, 20)
{
	struct mett_client *client = NULL;
	struct mett_result result;
	struct mett_error error;
	uint64_t token, seen = 0;

	test_server_init(&server, serve_when_full);
	server.send_room = 1;
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, &error), 0);
	for (uint64_t i = 0; i < METT_IN_FLIGHT_MAX; i++)
		CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, i, &error), 0);
	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 0, &error), -EAGAIN);
	CHECK_EQ(error.reason, METT_BUSY);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, &result), -EAGAIN);
	for (int i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		CHECK_EQ(mett_client_complete(client, 5000000, &token, &result), 1);
		CHECK_EQ(result.log_size, METT_LOG_TAIL_MAX - 1);
		seen |= 1ull << token;
		mett_result_deinit(&result);
	}
	CHECK(seen == UINT64_MAX);
	stop(client);
}

static void serve_one_of_three(struct test_server *its)
{
	struct message_invoke invoke;

	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	invoke = *(struct message_invoke *)its->message;
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	test_server_done(its, &invoke, METT_OK, "x", 1, "", "");
}

TEST(when_the_server_dies_all_comes_out)
{
	struct mett_client *client = start(serve_one_of_three);
	struct mett_result result;
	struct mett_error error;
	struct mett_action_info *rows;
	size_t count;
	uint64_t token;

	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 1, &error), 0);
	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 2, &error), 0);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, &result), -EPIPE);
	CHECK_EQ(result.error.reason, METT_GONE);
	CHECK(strstr(result.error.message, "hung up"));
	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 3, &error), -EPIPE);
	CHECK_EQ(error.reason, METT_GONE);
	CHECK_EQ(mett_action_delete(client, "f", &error), -EPIPE);
	CHECK_EQ(mett_action_list(client, &rows, &count, &error), -EPIPE);
	CHECK_EQ(mett_action_create_path(client, "f", "/proc/self/exe", NULL, &error), -EPIPE);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_EQ(token, 2);
	CHECK_EQ(result.error.reason, METT_OK);
	mett_result_deinit(&result);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_EQ(token, 1);
	CHECK_EQ(result.error.reason, METT_GONE);
	CHECK(is_readable(client));
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), -EPIPE);
	stop(client);
}

static void serve_half_a_request(struct test_server *its)
{
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	CHECK_EQ(test_server_take(its), MESSAGE_DELETE);
}

TEST(when_the_server_dies_a_request_ends)
{
	struct mett_client *client = start(serve_half_a_request);
	struct mett_result result;
	struct mett_error error;
	uint64_t token;

	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 1, &error), 0);
	CHECK_EQ(mett_action_delete(client, "f", &error), -EPIPE);
	CHECK_EQ(error.reason, METT_GONE);
	CHECK(is_readable(client));
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_EQ(result.error.reason, METT_GONE);
	stop(client);
}

/* Outcomes and mappings that nobody takes are the client's to free. */
TEST(who_leaves_early_leaves_nothing_behind)
{
	static char large[METT_INLINE_MAX * 2];
	struct mett_client *client = start(serve_echo);

	CHECK_EQ(mett_action_submit(client, "echo", large, sizeof(large), NULL, 1, NULL), 0);
	CHECK_EQ(mett_action_submit(client, "echo", "x", 1, NULL, 2, NULL), 0);
	CHECK_EQ(mett_action_invoke(client, "echo", large, sizeof(large), NULL, NULL), 0);
	CHECK_EQ(mett_action_submit(client, "echo", "x", 1, NULL, 3, NULL), 0);
	stop(client);
}

static void serve_two_unread(struct test_server *its)
{
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	test_server_done(its, (struct message_invoke *)its->message, METT_OK, "x", 1, "", "");
	/* Leaves with a message unread: a reset, not an end. */
	sys_gate_wait(its->gate, 0, 0);
}

TEST(what_the_server_sent_before_its_death_counts)
{
	struct mett_client *client = start(serve_two_unread);
	struct mett_result result;
	uint64_t token;

	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 1, NULL), 0);
	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 2, NULL), 0);
	test_server_join(&server);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_EQ(token, 1);
	CHECK_EQ(result.error.reason, METT_OK);
	mett_result_deinit(&result);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_EQ(result.error.reason, METT_GONE);
	CHECK_EQ(mett_client_complete(client, 0, &token, &result), -EPIPE);
	stop(client);
}

static void on_signal(int number)
{
}

static void serve_slowly(struct test_server *its)
{
	while (test_server_take(its) == MESSAGE_INVOKE) {
		usleep(50000);
		test_server_done(its, (struct message_invoke *)its->message, METT_OK, "x", 1, "",
		                 "");
	}
}

TEST(signals_do_not_cut_a_call_short)
{
	struct mett_client *client = start(serve_slowly);
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {0};
	struct mett_result result;
	uint64_t token;
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, &result), 0);
	mett_result_deinit(&result);
	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 9, NULL), 0);
	CHECK_EQ(mett_client_complete(client, INT64_MAX, &token, &result), 1);
	CHECK_EQ(token, 9);
	mett_result_deinit(&result);
	setitimer(ITIMER_REAL, &never, NULL);
	stop(client);
}

static void serve_reaped(struct test_server *its)
{
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	for (uint64_t batch = 3; batch; batch = batch == 3 ? 400 : 0) {
		uint64_t count = atomic_load(&its->window->reaped_count);

		for (uint64_t row = count; row < count + batch; row++) {
			its->window->reaped[row % WINDOW_REAPED].activation = row;
			its->window->reaped[row % WINDOW_REAPED].time_ns = row + 1000;
			its->window->reaped_count = row + 1;
		}
		test_server_done(its, (struct message_invoke *)its->message, METT_OK, "", 0, "",
		                 "");
		CHECK_EQ(test_server_take(its), batch == 3 ? MESSAGE_INVOKE : MESSAGE_NONE);
	}
}

TEST(reaped_workers_are_told_once)
{
	struct mett_client *client = start(serve_reaped);
	struct mett_reaped rows[300];

	CHECK_EQ(mett_client_reaped(client, rows, 300), 0);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, NULL), 0);
	CHECK_EQ(mett_client_reaped(client, rows, 2), 2);
	CHECK_EQ(rows[1].activation, 1);
	CHECK_EQ(rows[1].time_ns, 1001);
	CHECK_EQ(mett_client_reaped(client, rows, 300), 1);
	CHECK_EQ(rows[0].activation, 2);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, NULL), 0);
	/* Of 256 rows the oldest may just be written to. */
	CHECK_EQ(mett_client_reaped(client, rows, 300), 255);
	CHECK_EQ(rows[0].activation, 403 - 255);
	CHECK_EQ(rows[254].activation, 402);
	CHECK_EQ(mett_client_reaped(client, rows, 300), 0);
	stop(client);
}
