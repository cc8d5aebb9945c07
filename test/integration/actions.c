/* Actions: how they are kept, what their processes are, and what an invocation carries. */
#include "fixture.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { ACTIONS = 300, LARGE_MAX = METT_PAYLOAD_MAX };

static struct mett_action_info *list(struct mett_client *client, size_t *ret_count)
{
	struct mett_action_info *rows;
	struct mett_error error;

	if (mett_action_list(client, &rows, ret_count, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
	return rows;
}

TEST(list_is_whole_and_sorted)
{
	struct mett_action_info *rows;
	struct server server;
	char name[16];
	size_t count;
	struct mett_client *client = begin_counted(&server, "");

	rows = list(client, &count);
	CHECK_EQ(count, 0);
	free(rows);
	/* 7 has no factor in common with their number: each name once, in disorder. */
	for (int i = 0; i < ACTIONS; i++) {
		snprintf(name, sizeof(name), "action-%03d", i * 7 % ACTIONS);
		CHECK_EQ(mett_action_create_path(client, name, function_path("echo"), NULL, NULL),
		         0);
	}
	rows = list(client, &count);
	CHECK_EQ(count, ACTIONS);
	for (int i = 0; i < ACTIONS; i++) {
		snprintf(name, sizeof(name), "action-%03d", i);
		CHECK_STR(rows[i].name, name);
		CHECK_EQ(rows[i].version, 1);
		CHECK_EQ(rows[i].activations, 0);
	}
	free(rows);
	for (int i = 0; i < ACTIONS; i += 2) {
		snprintf(name, sizeof(name), "action-%03d", i);
		CHECK_EQ(mett_action_delete(client, name, NULL), 0);
	}
	rows = list(client, &count);
	CHECK_EQ(count, ACTIONS / 2);
	for (int i = 0; i < ACTIONS / 2; i++) {
		snprintf(name, sizeof(name), "action-%03d", 2 * i + 1);
		CHECK_STR(rows[i].name, name);
	}
	free(rows);
	EXPECT_ANSWER(client, "action-299", "last", "last");
	end_counted(&server, client);
}

TEST(list_tells_what_is_kept)
{
	const struct mett_action_options options = {
		.policy = METT_POLICY_SPAWN, .defaults = {.memory_limit = MIB, .timeout_us = 5}};
	struct mett_action_info *rows;
	struct server server;
	size_t count;
	struct mett_client *client = begin(&server, "");

	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "1", "1");
	EXPECT_ANSWER(client, "echo", "2", "2");
	rows = list(client, &count);
	CHECK_EQ(count, 1);
	CHECK_EQ(rows->activations, 2);
	CHECK_EQ(rows->options.language, METT_LANGUAGE_BINARY);
	CHECK_EQ(rows->options.policy, METT_POLICY_FORK);
	CHECK_EQ(rows->options.defaults.memory_limit, 0);
	CHECK_EQ(rows->options.defaults.timeout_us, 0);
	CHECK(rows->size > 100000);
	free(rows);
	CHECK_EQ(mett_action_update_path(client, "echo", function_path("echo"), &options, NULL), 0);
	rows = list(client, &count);
	CHECK_EQ(count, 1);
	CHECK_EQ(rows->version, 2);
	CHECK_EQ(rows->options.policy, METT_POLICY_SPAWN);
	CHECK_EQ(rows->options.defaults.memory_limit, MIB);
	CHECK_EQ(rows->options.defaults.timeout_us, 5);
	free(rows);
	end(&server, client);
}

TEST(update_and_delete)
{
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin(&server, "");

	struct usage none = server_steady(&server);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(mett_action_create_path(client, "x", function_path("echo"), NULL, NULL),
		         0);
		EXPECT_ANSWER(client, "x", "text", "text");
		CHECK_EQ(mett_action_update_path(client, "x", function_path("counter"), NULL, NULL),
		         0);
		EXPECT_ANSWER(client, "x", "text", "1");
		/* One that fails leaves what is there. */
		EXPECT_ERROR(error, METT_BAD_PROGRAM, "",
		             mett_action_update_path(client, "x", "/bin/true", NULL, &error));
		EXPECT_ANSWER(client, "x", "text", "1");
		CHECK_EQ(mett_action_delete(client, "x", NULL), 0);
		EXPECT_FAILURE(client, "x", "", NULL, METT_NO_ACTION);
		server_expect_usage(&server, none);
	}
	end(&server, client);
}

/* What runs when its action is replaced, or taken away, ends as it began. */
static void check_end_on_old(enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy};
	struct server server;
	uint64_t token;
	struct mett_client *client = begin(&server, "");

	struct usage none = server_steady(&server);
	CHECK_EQ(mett_action_create_path(client, "x", function_path("sleep"), &options, NULL), 0);
	submit(client, "x", "1500", 1);
	CHECK_EQ(mett_action_update_path(client, "x", function_path("counter"), &options, NULL), 0);
	EXPECT_ANSWER(client, "x", "1500", "1");
	CHECK(complete(client, &token) >= 1500000);
	CHECK_EQ(token, 1);
	CHECK_EQ(mett_action_update_path(client, "x", function_path("sleep"), &options, NULL), 0);
	submit(client, "x", "1500", 2);
	CHECK_EQ(mett_action_delete(client, "x", NULL), 0);
	EXPECT_FAILURE(client, "x", "", NULL, METT_NO_ACTION);
	CHECK(complete(client, &token) >= 1500000);
	CHECK_EQ(token, 2);
	server_expect_usage(&server, none);
	end(&server, client);
}

TEST(update_while_running)
{
	check_end_on_old(METT_POLICY_FORK);
	check_end_on_old(METT_POLICY_SPAWN);
	check_end_on_old(METT_POLICY_REUSE);
}

TEST(policies)
{
	struct mett_action_options options = {.policy = METT_POLICY_FORK};
	struct server server;
	char text[16];
	struct mett_client *client = begin(&server, "");

	deploy(client, "counter", &options);
	for (int i = 0; i < 20; i++)
		EXPECT_ANSWER(client, "counter", "", "1");
	options.policy = METT_POLICY_SPAWN;
	CHECK_EQ(mett_action_update_path(client, "counter", function_path("counter"), &options,
	                                 NULL),
	         0);
	for (int i = 0; i < 20; i++)
		EXPECT_ANSWER(client, "counter", "", "1");
	options.policy = METT_POLICY_REUSE;
	CHECK_EQ(mett_action_update_path(client, "counter", function_path("counter"), &options,
	                                 NULL),
	         0);
	for (int i = 1; i <= 20; i++) {
		snprintf(text, sizeof(text), "%d", i);
		EXPECT_ANSWER(client, "counter", "", text);
	}
	end(&server, client);
}

/* A process is reused after an error it reported itself, and after nothing worse. */
TEST(reuse_after_failure)
{
	const struct mett_action_options reuse = {.policy = METT_POLICY_REUSE};
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "end", &reuse);
	EXPECT_FAILURE(client, "end", "message", NULL, METT_FAILED, 42, "6 times seven");
	EXPECT_FAILURE(client, "end", "abort", NULL, METT_CRASHED, 6);
	EXPECT_ANSWER(client, "end", "", "well");
	EXPECT_FAILURE(client, "end", "exit", NULL, METT_EXITED, 3);
	EXPECT_ANSWER(client, "end", "", "well");
	/* A log is of one activation. */
	EXPECT_FAILURE(client, "end", "message", NULL, METT_FAILED, 42, NULL, "to be flushed");
	struct mett_result result;
	CHECK_EQ(mett_action_invoke(client, "end", NULL, 0, NULL, &result), 0);
	CHECK_STR(result.log, "to be flushed");
	mett_result_deinit(&result);
	end(&server, client);
}

/* The limit is the invocation's, else the action's; under every policy. */
TEST(memory_limits)
{
	static const char forty[] = "41943040";
	const struct mett_config wide = {.memory_limit = 64 * MIB},
				 tight = {.memory_limit = 16 * MIB};
	struct server server;
	struct mett_client *client = begin(&server, "");

	for (enum mett_policy policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++) {
		struct mett_action_options options = {.policy = policy};

		deploy(client, "allocate", &options);
		EXPECT_ANSWER(client, "allocate", forty, forty);
		EXPECT_FAILURE(client, "allocate", forty, &tight, METT_OUT_OF_MEMORY, 16384);
		expect_answer(__FILE__, __LINE__, client, "allocate", forty, &wide, forty);
		EXPECT_FAILURE(client, "allocate", "", &wide, METT_OUT_OF_MEMORY, 65536);
		EXPECT_ANSWER(client, "allocate", forty, forty);
		options.defaults = tight;
		CHECK_EQ(mett_action_update_path(client, "allocate", function_path("allocate"),
		                                 &options, NULL),
		         0);
		EXPECT_FAILURE(client, "allocate", forty, NULL, METT_OUT_OF_MEMORY, 16384);
		expect_answer(__FILE__, __LINE__, client, "allocate", forty, &wide, forty);
		EXPECT_FAILURE(client, "allocate", forty, NULL, METT_OUT_OF_MEMORY, 16384);
		CHECK_EQ(mett_action_delete(client, "allocate", NULL), 0);
	}
	end(&server, client);
}

/* What the server allows bounds what a client asks for. */
TEST(memory_limit_of_the_server)
{
	const struct mett_config wide = {.memory_limit = 1024 * (uint64_t)MIB};
	struct server server;
	struct mett_client *client = begin(&server, "--max-memory 24M");

	deploy(client, "allocate", NULL);
	EXPECT_FAILURE(client, "allocate", "", NULL, METT_OUT_OF_MEMORY, 24576);
	EXPECT_FAILURE(client, "allocate", "41943040", &wide, METT_OUT_OF_MEMORY, 24576);
	EXPECT_ANSWER(client, "allocate", "10000000", "10000000");
	end(&server, client);
}

TEST(timeouts)
{
	const struct mett_action_options hasty = {.defaults.timeout_us = 300 * MS_US};
	const struct mett_config patient = {.timeout_us = 60000 * (uint64_t)MS_US},
				 hasty_too = {.timeout_us = 400 * MS_US};
	struct mett_result result;
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "sleep", &hasty);
	uint64_t start = now_ms();
	EXPECT_FAILURE(client, "sleep", "600000", NULL, METT_TIMED_OUT, 300);
	CHECK(now_ms() - start >= 300);
	EXPECT_FAILURE(client, "sleep", "600000", &hasty_too, METT_TIMED_OUT, 400);
	CHECK_EQ(mett_action_invoke(client, "sleep", "600", 3, &patient, &result), 0);
	CHECK(atol(result.answer) >= 600000);
	mett_result_deinit(&result);
	/* A caller's time goes on while it waits for another, which has none of its own. */
	deploy(client, "call", NULL);
	CHECK_EQ(mett_action_update_path(client, "sleep", function_path("sleep"), NULL, NULL), 0);
	EXPECT_FAILURE(client, "call", "sleep 600000", &hasty_too, METT_TIMED_OUT, 400, "'call'");
	/* And the callee's own is told to the caller. */
	CHECK_EQ(mett_action_update_path(client, "sleep", function_path("sleep"), &hasty, NULL), 0);
	EXPECT_FAILURE(client, "call", "sleep 600000", &patient, METT_FAILED, 1,
	               "action 'sleep' did not end within 300 ms;");
	end(&server, client);
}

TEST(times_are_in_order)
{
	struct mett_reaped reaped[16];
	struct mett_result result;
	struct server server;
	uint64_t ids[10], last = 0;
	size_t count = 0;
	struct mett_client *client = begin(&server, "");

	deploy(client, "busy", NULL);
	for (int i = 0; i < 10; i++) {
		uint64_t before = now_ms() * 1000000;

		CHECK_EQ(mett_action_invoke(client, "busy", "100000", 6, NULL, &result), 0);
		const struct mett_metadata *times = &result.metadata;
		CHECK(times->start_worker >= before && times->start_worker >= last);
		CHECK(times->start_runtime >= times->start_worker);
		CHECK(times->start_function >= times->start_runtime);
		CHECK(times->end_function >=
		      times->start_function + 1000 * (uint64_t)atol(result.answer));
		CHECK(times->end_runtime >= times->end_function);
		CHECK(times->end_worker >= times->end_runtime);
		CHECK(times->end_worker <= (now_ms() + 1) * 1000000);
		for (int j = 0; j < i; j++)
			CHECK(result.activation != ids[j]);
		ids[i] = result.activation;
		last = times->end_worker;
		mett_result_deinit(&result);
	}
	/* Each worker is destroyed in the end, the last one after it could do nothing any more. */
	SOON((count += mett_client_reaped(client, reaped + count, 16 - count)) == 10);
	for (int i = 0; i < 10; i++) {
		size_t row = 0;

		while (row < count && reaped[row].activation != ids[i])
			row++;
		CHECK(row < count);
		CHECK(i < 9 || reaped[row].time_ns >= last);
	}
	end(&server, client);
}

/* Bytes in which each is told from its neighbours, and each block from the others. */
static unsigned char *pattern(size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	uint32_t state = 1;

	CHECK(bytes);
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(state >> 24);
	}
	return bytes;
}

static void check_echo(struct mett_client *client, const char *action, const void *argument,
                       size_t size, const void *answer, size_t answer_size)
{
	struct mett_result result;

	if (mett_action_invoke(client, action, argument, size, NULL, &result))
		test_fail(__FILE__, __LINE__, "%zu bytes: %s", size, result.error.message);
	CHECK_EQ(result.answer_size, answer_size);
	CHECK(!memcmp(result.answer, answer, answer_size));
	CHECK_EQ(((const char *)result.answer)[answer_size], 0);
	mett_result_deinit(&result);
}

TEST_TIMEOUT(payloads, 180)
{
	static const char prefix[] = "call call echo ";
	enum { PREFIX = sizeof(prefix) - 1 };
	static const size_t sizes[] = {0,
	                               1,
	                               4095,
	                               4096,
	                               METT_INLINE_MAX - 1,
	                               METT_INLINE_MAX,
	                               METT_INLINE_MAX + 1,
	                               MIB,
	                               4 * MIB,
	                               4 * MIB + 1,
	                               LARGE_MAX - 1,
	                               LARGE_MAX};
	unsigned char *bytes = pattern(LARGE_MAX + 1), *nested = malloc(LARGE_MAX + PREFIX);
	struct mett_result result;
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "call", NULL);
	for (enum mett_policy policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++) {
		deploy(client, "echo", &(struct mett_action_options){.policy = policy});
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t size = sizes[i];

			check_echo(client, "echo", bytes, size, bytes, size);
			size -= size + PREFIX > LARGE_MAX ? PREFIX : 0;
			memcpy(nested, prefix, PREFIX);
			memcpy(nested + PREFIX, bytes, size);
			check_echo(client, "call", nested, size + PREFIX, bytes, size);
		}
		CHECK_EQ(mett_action_invoke(client, "echo", bytes, LARGE_MAX + 1, NULL, &result),
		         -EMSGSIZE);
		CHECK_EQ(result.error.reason, METT_TOO_LARGE);
		CHECK_EQ(result.error.detail, LARGE_MAX);
		EXPECT_ANSWER(client, "echo", "x", "x");
		CHECK_EQ(mett_action_delete(client, "echo", NULL), 0);
	}
	/* One byte more than can be passed on, made by the function. */
	deploy(client, "answer", NULL);
	EXPECT_FAILURE(client, "answer", "16777217", NULL, METT_FAILED, EMSGSIZE);
	EXPECT_FAILURE(client, "call", "answer 16777217", NULL, METT_FAILED, 1, "'answer' failed");
	end_counted(&server, client);
	free(bytes);
	free(nested);
}

/* The shortest sleeper is submitted last, and must be out first. */
TEST(many_in_flight)
{
	struct mett_result result;
	struct server server;
	bool seen[METT_IN_FLIGHT_MAX] = {false};
	uint64_t token;
	char text[16];
	struct mett_client *client = begin(&server, "");

	deploy(client, "sleep", NULL);
	deploy(client, "echo", NULL);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 0);
	submit(client, "sleep", "4000", 0);
	submit(client, "sleep", "1", 1);
	for (uint64_t i = 2; i < METT_IN_FLIGHT_MAX; i++) {
		snprintf(text, sizeof(text), "%d", (int)i);
		submit(client, "echo", text, i);
	}
	CHECK_EQ(mett_client_in_flight(client), METT_IN_FLIGHT_MAX);
	struct pollfd readable = {.fd = mett_client_fd(client), .events = POLLIN};
	CHECK_EQ(poll(&readable, 1, SOON_MS), 1);
	for (int i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		long number = complete(client, &token);

		CHECK(token < METT_IN_FLIGHT_MAX && !seen[token]);
		seen[token] = true;
		CHECK_EQ(token == 0, i == METT_IN_FLIGHT_MAX - 1);
		if (token > 1)
			CHECK_EQ(number, token);
	}
	CHECK_EQ(mett_client_in_flight(client), 0);
	CHECK_EQ(mett_client_complete(client, 0, &token, &result), 0);
	CHECK_EQ(poll(&readable, 1, 0), 0);
	end(&server, client);
}

/* A function that waits does not stop its session. */
TEST(invoke_while_others_run)
{
	struct server server;
	uint64_t token;
	struct mett_client *client = begin(&server, "");

	deploy(client, "sleep", NULL);
	deploy(client, "call", NULL);
	deploy(client, "echo", NULL);
	submit(client, "call", "call sleep 2000", 1);
	for (int i = 0; i < 100; i++)
		EXPECT_ANSWER(client, "call", "echo x", "x");
	CHECK_EQ(mett_client_in_flight(client), 1);
	CHECK(complete(client, &token) >= 2000000);
	CHECK_EQ(token, 1);
	end(&server, client);
}

TEST(nothing_but_what_it_was_given)
{
	static const char wanted[] = "fds: 0 1 2 3\nenvironment:\nerrno of / and .: 2 2\n";
	struct mett_result result;
	struct server server;
	struct mett_client *client = begin(&server, "");

	for (enum mett_policy policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++) {
		deploy(client, "peek", &(struct mett_action_options){.policy = policy});
		CHECK_EQ(mett_action_invoke(client, "peek", NULL, 0, NULL, &result), 0);
		const char *answer = result.answer;
		if (strncmp(answer, wanted, strlen(wanted)))
			test_fail(__FILE__, __LINE__, "policy %d: %s", policy, answer);
		mett_result_deinit(&result);
		CHECK_EQ(mett_action_delete(client, "peek", NULL), 0);
	}
	end(&server, client);
}
