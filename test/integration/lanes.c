/*
 * Calls past the server: one worker's window becomes the next one's, and the
 * client writes to it while a worker runs.
 */
#include "fixture.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

enum { CALLS = 300, SCRIBBLED_MS = 3000, MAPS = 64 };

static void check_leftover(enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy};
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "leftover", &options);
	for (int i = 0; i < CALLS; i++)
		EXPECT_ANSWER(client, "leftover", i % 2 ? "" : "something", "0");
	end(&server, client);
}

TEST(a_window_never_shows_the_last_ones_bytes)
{
	check_leftover(METT_POLICY_FORK);
}

TEST(nor_that_of_a_spawned_one)
{
	check_leftover(METT_POLICY_SPAWN);
}

/* Also where its memory stays in place, as much is used of it again and again. */
TEST(nor_does_the_room_of_large_payloads)
{
	static const size_t sizes[] = {MIB, MIB, 100000, 0, MIB / 2};
	char *large = malloc(MIB);
	struct mett_result result;
	struct server server;

	CHECK(large);
	memset(large, 'l', MIB);
	struct mett_client *client = begin(&server, "");
	deploy(client, "leftover", NULL);
	for (int i = 0; i < CALLS / 3; i++) {
		size_t size = sizes[i % 5];

		CHECK_EQ(mett_action_invoke(client, "leftover", size ? large : "room",
		                            size ? size : 4, NULL, &result),
		         0);
		CHECK_STR(result.answer, "0");
		mett_result_deinit(&result);
	}
	end(&server, client);
	free(large);
}

/* A worker may write on behind its answer, but not to what the caller was given. */
TEST(an_answer_is_the_callers_alone)
{
	struct mett_result result;
	struct server server;
	const struct mett_config none = {0}, patient = {.timeout_us = 60000000};
	const struct mett_config *const configs[] = {NULL, &none, &patient};
	char *copy = calloc(1, MIB);
	unsigned by_lane[3] = {0};

	CHECK(copy);
	struct mett_client *client = begin(&server, "");
	deploy(client, "restless", NULL);
	/* With a large argument it has more time before the server is asked. */
	for (int i = 0; i < CALLS && (by_lane[0] < 5 || by_lane[1] < 5 || by_lane[2] < 5); i++) {
		if (mett_action_invoke(client, "restless", copy, MIB, configs[i % 3], &result))
			test_fail(__FILE__, __LINE__, "call %d: %s", i, result.error.message);
		if (result.answer_size == MIB) {
			memcpy(copy, result.answer, MIB);
			usleep(1000);
			CHECK(!memcmp(copy, result.answer, MIB));
			CHECK_EQ(((const char *)result.answer)[MIB], 0);
			by_lane[i % 3]++;
		} else {
			CHECK_STR(result.answer, "by server");
		}
		mett_result_deinit(&result);
	}
	CHECK(by_lane[0] > 0 && by_lane[1] > 0 && by_lane[2] > 0);
	end(&server, client);
	free(copy);
}

/* Shorter or longer than the action's own, whoever sees to it. */
TEST(each_call_has_the_time_it_was_given)
{
	const struct mett_action_options limited = {.defaults.timeout_us = 1000000};
	const struct mett_config brief = {.timeout_us = 20000}, patient = {.timeout_us = 60000000};
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "sleep", &limited);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 5; k++)
			CHECK_EQ(mett_action_invoke(client, "sleep", "0", 1, &patient, NULL), 0);
		EXPECT_FAILURE(client, "sleep", "20000", &brief, METT_TIMED_OUT, 20);
		CHECK_EQ(mett_action_invoke(client, "sleep", "1200", 4, &patient, NULL), 0);
		EXPECT_FAILURE(client, "sleep", "20000", NULL, METT_TIMED_OUT, 1000);
	}
	end_counted(&server, client);
}

/* Write all over whatever this process shares with the server, for ever. */
static int scribble(void *unused)
{
	(void)unused;
	for (uint64_t state = 1;; thrd_yield()) {
		struct {
			unsigned long from, to;
		} maps[MAPS];
		unsigned count = 0;
		char line[512];
		FILE *file = fopen("/proc/self/maps", "r");

		while (file && count < MAPS && fgets(line, sizeof(line), file))
			if (strstr(line, "rw-s") && strstr(line, "memfd:") &&
			    sscanf(line, "%lx-%lx", &maps[count].from, &maps[count].to) == 2)
				count++;
		if (file)
			fclose(file);
		for (unsigned i = 0; i < count * 100; i++) {
			unsigned long size = maps[i % count].to - maps[i % count].from;

			state = state * 6364136223846793005 + 1442695040888963407;
			volatile unsigned char *byte =
				(void *)(maps[i % count].from +
			                 (i % 4 ? state >> 33 & 0xff : (state >> 33) % size));
			*byte = (unsigned char)(state >> 25);
		}
	}
	return 0;
}

/* A client that writes to its windows while workers run. It may hang; it is killed in the end. */
static void be_the_scribbler(const struct server *server, enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy};
	struct mett_client *client = join(server);
	char *large = calloc(1, MIB);
	struct mett_result result;
	thrd_t thread;

	deploy(client, "echo", &options);
	EXPECT_ANSWER(client, "echo", "warm", "warm");
	if (thrd_create(&thread, scribble, NULL) != thrd_success)
		_exit(1);
	for (size_t size = 4;; size = size == 4 ? MIB : 4) {
		mett_action_invoke(client, "echo", large, size, NULL, &result);
		mett_result_deinit(&result);
	}
}

static void check_scribbler(enum mett_policy policy)
{
	struct mett_client *client;
	struct server server;
	unsigned answered = 0;

	server_start(&server, "");
	struct usage empty = server_steady(&server);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		be_the_scribbler(&server, policy);
	client = join(&server);
	deploy(client, "echo", NULL);
	for (uint64_t until = now_ms() + SCRIBBLED_MS; now_ms() < until; answered++)
		EXPECT_ANSWER(client, "echo", "mine", "mine");
	CHECK(answered > 0);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	mett_client_free(client);
	server_expect_usage(&server, empty);
	server_stop(&server);
}

TEST(a_client_that_scribbles_hurts_itself_only)
{
	check_scribbler(METT_POLICY_FORK);
}

TEST(the_same_under_reuse)
{
	check_scribbler(METT_POLICY_REUSE);
}
