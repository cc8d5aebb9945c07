/*
 * Functions that call functions, past the server once it knows that they do so: each
 * call is as fresh, as bounded and as well reported as any.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 200, LEARNED = 5 };

static const struct mett_config patient = {.timeout_us = 60000000};

static uint64_t activations(struct mett_client *client, const char *action)
{
	struct mett_action_info *rows;
	uint64_t count = 0;
	size_t size;

	CHECK_EQ(mett_action_list(client, &rows, &size, NULL), 0);
	for (size_t i = 0; i < size; i++)
		if (!strcmp(rows[i].name, action))
			count = rows[i].activations;
	free(rows);
	return count;
}

/* Until the next one finds who it calls at hand. */
static void learn(struct mett_client *client, const char *argument, const char *answer)
{
	for (int i = 0; i < LEARNED; i++) {
		EXPECT_ANSWER(client, "call", argument, answer);
		pause_ms(20);
	}
}

static void doze(struct mett_client *client, const char *argument)
{
	for (int i = 0; i < LEARNED; i++) {
		CHECK_EQ(mett_action_invoke(client, "call", argument, strlen(argument), NULL, NULL),
		         0);
		pause_ms(20);
	}
}

TEST(each_is_fresh_and_counted)
{
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "call", NULL);
	deploy(client, "counter", NULL);
	deploy(client, "leftover", NULL);
	for (int i = 0; i < CALLS; i++)
		EXPECT_ANSWER(client, "call", "counter ", "1");
	CHECK_EQ(activations(client, "call"), CALLS);
	CHECK_EQ(activations(client, "counter"), CALLS);
	for (int i = 0; i < CALLS; i++)
		EXPECT_ANSWER(client, "call", i % 2 ? "leftover " : "leftover something", "0");
	CHECK_EQ(activations(client, "leftover"), CALLS);
	end(&server, client);
}

TEST(failures_are_told_as_ever)
{
	static const struct {
		const char *argument, *text;
	} cases[] = {
		{"end message", "6 times seven"},   {"end abort", "signal 6"},
		{"end exit", "exited with code 3"}, {"crash ", "crashed: signal 11"},
		{"none ", "there is no action"},
	};
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "call", NULL);
	deploy(client, "end", NULL);
	deploy(client, "crash", NULL);
	for (int round = 0; round < 10; round++) {
		learn(client, "end ", "well");
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			EXPECT_FAILURE(client, "call", cases[i].argument, &patient, METT_FAILED, 1,
			               cases[i].text);
	}
	end_counted(&server, client);
}

/* The same where there is a time limit, which a busy machine may exceed now and then. */
static void doze_in_time(struct mett_client *client, const char *argument)
{
	for (int i = 0, tries = 0; i < LEARNED; tries++) {
		CHECK(tries < 100 * LEARNED);
		i += !mett_action_invoke(client, "call", argument, strlen(argument), NULL, NULL);
		pause_ms(20);
	}
}

/* The one that was called has a time limit of its own; and ends with who called it. */
TEST(time_limits)
{
	const struct mett_action_options limited = {.defaults.timeout_us = 300000};
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "call", NULL);
	CHECK_EQ(mett_action_create_path(client, "nap", function_path("sleep"), &limited, NULL), 0);
	deploy(client, "sleep", NULL);
	for (int i = 0; i < 5; i++) {
		doze_in_time(client, "nap 0");
		EXPECT_FAILURE(client, "call", "nap 20000", &patient, METT_FAILED, 1,
		               "did not end within");
	}
	CHECK_EQ(mett_action_update_path(client, "call", function_path("call"), &limited, NULL), 0);
	for (int i = 0; i < 5; i++) {
		doze_in_time(client, "sleep 0");
		EXPECT_FAILURE(client, "call", "sleep 20000", NULL, METT_TIMED_OUT, 300);
	}
	end_counted(&server, client);
}

TEST(updates_and_deletions_are_seen)
{
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "call", NULL);
	deploy(client, "echo", NULL);
	for (int i = 0; i < 5; i++) {
		learn(client, "echo hello", "hello");
		CHECK_EQ(mett_action_update_path(client, "echo", function_path("counter"), NULL,
		                                 NULL),
		         0);
		EXPECT_ANSWER(client, "call", "echo hello", "1");
		learn(client, "echo hello", "1");
		CHECK_EQ(mett_action_delete(client, "echo", NULL), 0);
		EXPECT_FAILURE(client, "call", "echo hello", NULL, METT_FAILED, 1,
		               "there is no action");
		deploy(client, "echo", NULL);
	}
	end_counted(&server, client);
}

TEST(chains_and_recursion)
{
	struct mett_result result;
	struct server server;
	char text[16];
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "call", NULL);
	deploy(client, "echo", NULL);
	deploy(client, "nest", NULL);
	for (int i = 0; i < CALLS / 4; i++)
		EXPECT_ANSWER(client, "call", "call call call call echo deep", "deep");
	snprintf(text, sizeof(text), "%d %d", (int)METT_DEPTH_MAX, (int)METT_DEPTH);
	for (int i = 0; i < CALLS / 10; i++) {
		CHECK_EQ(mett_action_invoke(client, "nest", NULL, 0, NULL, &result), 0);
		if (strncmp(result.answer, text, strlen(text)))
			test_fail(__FILE__, __LINE__, "%d: %s", i, (const char *)result.answer);
		mett_result_deinit(&result);
	}
	end_counted(&server, client);
}

/* What is read as often as it is written, so also between the two that share a window. */
TEST(large_payloads)
{
	enum { SIZE = 1 << 20 };
	static const char prefix[] = "echo ";
	char *argument = malloc(SIZE + sizeof(prefix));
	struct mett_result result;
	struct server server;

	CHECK(argument);
	memcpy(argument, prefix, sizeof(prefix) - 1);
	for (int i = 0; i < SIZE; i++)
		argument[sizeof(prefix) - 1 + i] = (char)(i * 7 + i / 1000);
	struct mett_client *client = begin(&server, "");
	deploy(client, "call", NULL);
	deploy(client, "echo", NULL);
	for (int i = 0; i < 40; i++) {
		size_t size = i % 4 ? SIZE : 10;

		CHECK_EQ(mett_action_invoke(client, "call", argument, sizeof(prefix) - 1 + size,
		                            NULL, &result),
		         0);
		CHECK_EQ(result.answer_size, size);
		CHECK(!memcmp(result.answer, argument + sizeof(prefix) - 1, size));
		mett_result_deinit(&result);
	}
	end(&server, client);
	free(argument);
}

/* The client goes while both are at it; who is freed first depends on their names. */
TEST(a_client_is_killed_in_mid_call)
{
	static const char *const callees[] = {"sleep", "nap", "doze", "rest"};
	struct server server;
	int status;

	server_start(&server, "");
	struct usage empty = server_steady(&server);
	for (size_t i = 0; i < 12; i++) {
		const char *callee = callees[i % 4];
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			struct mett_client *client = join(&server);
			char argument[64];

			deploy(client, "call", NULL);
			CHECK_EQ(mett_action_create_path(client, callee, function_path("sleep"),
			                                 NULL, NULL),
			         0);
			snprintf(argument, sizeof(argument), "%s%s 0", i < 8 ? "" : "call ",
			         callee);
			doze(client, argument);
			snprintf(argument, sizeof(argument), "%s%s 20000", i < 8 ? "" : "call ",
			         callee);
			/* Sooner than the client would ask the server to see to it, or later. */
			signal(SIGALRM, SIG_DFL);
			ualarm(i % 2 ? 5000 : 100000, 0);
			mett_action_invoke(client, "call", argument, strlen(argument), NULL, NULL);
			_exit(1);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
		server_expect_usage(&server, empty);
	}
	server_stop(&server);
}

TEST(nothing_grows)
{
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "call", NULL);
	deploy(client, "echo", NULL);
	for (int i = 0; i < 200; i++)
		EXPECT_ANSWER(client, "call", "echo x", "x");
	struct usage warm = server_steady(&server);
	for (int i = 0; i < 3000; i++)
		EXPECT_ANSWER(client, "call", "echo x", "x");
	server_expect_usage(&server, warm);
	end_counted(&server, client);
}
