#include "idle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <libfmt/fmt.h>

#include <system/ipc.h>

#include "fail.h"
#include "pace.h"
#include "proc.h"

enum {
	ACTIONS = IDLE_WORKERS / 2, /* the server parks two workers of each */
	REST_MS = 500,
	PATIENCE_MS = 15000,
};

struct idle {
	struct server server;
	struct mett_client *client;
	struct proc_tree tree;
};

static void sleep_ms(unsigned ms)
{
	pace_sleep_until(sys_clock_ns() + ms * UINT64_C(1000000));
}

static unsigned count_parked(const struct proc_tree *tree)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tree->count; i++)
		count += tree->process[i].kind == PROC_WORKER;
	return count;
}

/* Until all are parked and nobody has woken for a while; or until patience ends. */
static void wait_for_rest(struct idle *idle)
{
	uint64_t before = 0;

	for (unsigned ms = 0; ms < PATIENCE_MS; ms += REST_MS) {
		proc_tree_read(&idle->tree, idle->server.pid);
		uint64_t switches = proc_switches(&idle->tree);

		if (count_parked(&idle->tree) >= IDLE_WORKERS && switches == before)
			return;
		before = switches;
		sleep_ms(REST_MS);
	}
}

struct idle *idle_new(const struct files *files)
{
	struct mett_action_options options = {.policy = METT_POLICY_FORK};
	struct idle *idle = calloc(1, sizeof(*idle));
	struct mett_error error;
	char name[16];

	if (!idle)
		fail("idle server", -ENOMEM);
	server_start(&idle->server, files->server);
	if (mett_register_client(idle->server.socket, &idle->client, &error))
		fail_mett("a client", &error);
	for (unsigned i = 0; i < ACTIONS; i++) {
		struct mett_result result = {0};

		fmt_format(name, sizeof(name), "idle{}", i);
		if (mett_action_create_path(idle->client, name, files->empty, &options, &error))
			fail_mett(name, &error);
		if (mett_action_invoke(idle->client, name, NULL, 0, NULL, &result))
			fail_mett(name, &result.error);
		mett_result_deinit(&result);
	}
	wait_for_rest(idle);
	if (count_parked(&idle->tree) < IDLE_WORKERS) {
		fmt_print(stderr, "bench: {} workers are parked, not {}\n",
		          count_parked(&idle->tree), (int)IDLE_WORKERS);
		exit(1);
	}
	return idle;
}

void idle_free(struct idle *idle)
{
	mett_client_free(idle->client);
	server_stop(&idle->server);
	proc_tree_deinit(&idle->tree);
	free(idle);
}

double idle_wake_ups(struct idle *idle, unsigned ms)
{
	proc_tree_read(&idle->tree, idle->server.pid);
	uint64_t before = proc_switches(&idle->tree);

	sleep_ms(ms);
	/* Of the same processes: one that came meanwhile was woken by one of these. */
	uint64_t after = proc_switches(&idle->tree);
	return after > before ? (double)(after - before) : 0;
}

double idle_memory(struct idle *idle)
{
	uint64_t sum = 0;

	proc_tree_read(&idle->tree, idle->server.pid);
	for (unsigned i = 0; i < idle->tree.count; i++)
		if (idle->tree.process[i].kind == PROC_WORKER)
			sum += proc_pss_kib(idle->tree.process[i].pid);
	unsigned workers = count_parked(&idle->tree);
	return workers ? (double)sum / workers : 0;
}
