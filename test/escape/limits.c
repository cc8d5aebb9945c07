/* How far a worker comes: processes, threads, descriptors, the sizes of what it holds. */
#include "sandbox.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static struct server server;

/* Not even in the one way in which its zygote made it. */
static void makes_no_process(enum mett_policy policy)
{
	struct mett_client *client = sandbox_begin(&server, "forkbomb", policy);

	EXPECT_ANSWER(client, "forkbomb", "", "0");
	EXPECT_ANSWER(client, "forkbomb", "fork", "0");
	EXPECT_ANSWER(client, "forkbomb", "thread", "0");
	end(&server, client);
}

static void goes_to(struct mett_client *client, const char *limit, int reached, int error)
{
	char answer[32];

	snprintf(answer, sizeof(answer), "%d %d", reached, error);
	EXPECT_ANSWER(client, "limits", limit, answer);
}

static void stops_at_limits(enum mett_policy policy)
{
	struct mett_client *client = sandbox_begin(&server, "limits", policy);

	/* Beside the four it has: null, log twice, gate. */
	goes_to(client, "descriptors", METT_WORKER_FDS_MAX - 4, EMFILE);
	if (policy == METT_POLICY_SPAWN)
		/* One is its own. */
		goes_to(client, "threads", METT_WORKER_THREADS_MAX - 1, EAGAIN);
	else
		goes_to(client, "threads", 0, EPERM);
	goes_to(client, "file", -1, EPERM);
	EXPECT_FAILURE(client, "limits", "window", NULL, METT_CRASHED, SIGBUS);
	end(&server, client);
}

SANDBOX_TEST(makes_no_process)
SANDBOX_TEST(stops_at_limits)
