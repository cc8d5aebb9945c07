/* The server after very many invocations: as it was after the first thousand. */
#include "fixture.h"

#include <string.h>

enum {
	WARM = 1000,
	/* A sanitizer is slow, and keeps memory that was freed. */
	MANY = SANITIZED ? 10000 : 100000,
	MIXED = SANITIZED ? 1000 : 5000,
	GROWTH_KIB = 256,
};

static void expect_flat(const struct server *server, unsigned long before)
{
	unsigned long after = server_memory(server);

	printf("resident memory: %lu KiB, then %lu KiB\n", before, after);
	if (!SANITIZED && after > before + GROWTH_KIB)
		test_fail(__FILE__, __LINE__, "resident memory grew from %lu to %lu KiB", before,
		          after);
}

static void invoke_often(struct mett_client *client, int count)
{
	for (int i = 0; i < count; i++)
		if (mett_action_invoke(client, "empty", NULL, 0, NULL, NULL))
			test_fail(__FILE__, __LINE__, "invocation %d failed", i);
}

TEST_TIMEOUT(many_invocations, 500)
{
	struct server server;
	struct mett_client *client = begin(&server, "--parked 16 --max-parked 16");

	deploy(client, "empty", NULL);
	invoke_often(client, WARM);
	struct usage warm = server_steady(&server);
	unsigned long memory = server_memory(&server);
	uint64_t start = now_ms();
	invoke_often(client, MANY);
	printf("%d invocations in %u ms\n", MANY, (unsigned)(now_ms() - start));
	server_expect_usage(&server, warm);
	expect_flat(&server, memory);
	end(&server, client);
}

static const struct {
	const char *action, *argument;
	enum mett_reason reason;
} mix[] = {
	{"crash", "", METT_CRASHED},
	{"exit", "3", METT_EXITED},
	{"end", "message", METT_FAILED},
	{"forbidden", "", METT_FORBIDDEN},
	{"closefds", "", METT_EXITED},
	{"rubbish", "", METT_PROTOCOL},
	{"liar", "nothing", METT_PROTOCOL},
	{"liar", "huge", METT_TOO_LARGE},
	{"none", "", METT_NO_ACTION},
	{"end", "memory", METT_OUT_OF_MEMORY},
	{"liar", "still-mapped", METT_PROTOCOL},
	{"call", "crash ", METT_FAILED},
	{"spin", "", METT_TIMED_OUT},
	{"noinit", "", METT_NO_START},
	{"echo", "good", METT_OK},
};

enum { MIX = sizeof(mix) / sizeof(mix[0]) };

static void fail_often(struct mett_client *client, int count)
{
	/* With a limit of memory the server sees to it: a liar's good answer is none there. */
	const struct mett_config patient = {64 * MIB, 60000 * (uint64_t)MS_US};
	const struct mett_config hasty = {.timeout_us = 20 * MS_US};

	for (int i = 0; i < count; i++) {
		struct mett_result result;
		const char *argument = mix[i % MIX].argument;
		bool spins = mix[i % MIX].reason == METT_TIMED_OUT;

		mett_action_invoke(client, mix[i % MIX].action, argument, strlen(argument),
		                   spins ? &hasty : &patient, &result);
		if (result.error.reason != mix[i % MIX].reason)
			test_fail(__FILE__, __LINE__, "%s: %s", mix[i % MIX].action,
			          result.error.message);
		mett_result_deinit(&result);
	}
}

TEST_TIMEOUT(many_failures, 500)
{
	static const char *const actions[] = {"crash",    "exit",    "end",  "forbidden",
	                                      "closefds", "rubbish", "liar", "call",
	                                      "spin",     "noinit",  "echo"};
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		deploy(client, actions[i], NULL);
	fail_often(client, MIXED / 5);
	struct usage warm = server_steady(&server);
	unsigned long memory = server_memory(&server);
	fail_often(client, MIXED);
	server_expect_usage(&server, warm);
	expect_flat(&server, memory);
	end_counted(&server, client);
}

/* Whole sessions: a client that comes, deploys, invokes and leaves. */
TEST_TIMEOUT(many_clients, 500)
{
	struct server server;
	unsigned long memory = 0;

	server_start(&server, "");
	struct usage empty = server_steady(&server);
	for (int i = 0; i < 600; i++) {
		struct mett_client *client = join(&server);

		deploy(client, "echo", NULL);
		EXPECT_ANSWER(client, "echo", "x", "x");
		mett_client_free(client);
		if (i == 100) {
			server_expect_usage(&server, empty);
			memory = server_memory(&server);
		}
	}
	server_expect_usage(&server, empty);
	expect_flat(&server, memory);
	server_stop(&server);
}
