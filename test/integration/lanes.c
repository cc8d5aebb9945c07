/*
 * Calls past the server: one worker's window becomes the next one's, and the
 * client writes to it while a worker runs.
 */
#include "fixture.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

enum { CALLS = 300, SCRIBBLED_MS = 3000, MAPS = 64 };

static void check_leftover(enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy};
	struct mett_client *client;
	struct server server;

	server_start(&server, "");
	client = join(&server);
	deploy(client, "leftover", &options);
	for (int i = 0; i < CALLS; i++)
		EXPECT_ANSWER(client, "leftover", i % 2 ? "" : "something", "0");
	mett_client_free(client);
	server_stop(&server);
}

TEST(a_window_never_shows_the_last_ones_bytes)
{
	check_leftover(METT_POLICY_FORK);
}

TEST(nor_that_of_a_spawned_one)
{
	check_leftover(METT_POLICY_SPAWN);
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
	struct mett_result result;
	thrd_t thread;

	deploy(client, "echo", &options);
	EXPECT_ANSWER(client, "echo", "warm", "warm");
	if (thrd_create(&thread, scribble, NULL) != thrd_success)
		_exit(1);
	for (;;) {
		mett_action_invoke(client, "echo", "text", 4, NULL, &result);
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
