/*
 * A server that has no descriptors left, or may send none, again and again and at any moment. Calls
 * may fail, and clients be turned away; afterwards all is as before.
 */
#include "bystander.h"
#include "fuzz.h"

#include <system/ipc.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	ROUNDS = 60,
	CALLS = 40,
	ROOM = 120, /* descriptors that the server may have more than it needs when idle */
	UNDER_WAY = 160,
	LARGE = 200000,
	PATIENCE_US = 5000000,
};

static struct bystander other;
static struct rlimit usual;
static unsigned calls[2]; /* that were served, and that failed */

static void limit_descriptors(rlim_t most)
{
	const struct rlimit limit = {most, usual.rlim_max};

	CHECK_EQ(prlimit(other.server.pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/*
 * Descriptors sent and not yet taken are the user's, whose ever they are. They end with @gates:
 * at once, as no gate lies in its own queue.
 */
static void put_under_way(int gates[2])
{
	sys_cap caps[SYS_CAPS_MAX];

	CHECK_EQ(sys_gate_pair(gates), 0);
	for (unsigned i = 0; i < SYS_CAPS_MAX; i++)
		caps[i] = gates[1];
	for (unsigned sent = 0; sent < UNDER_WAY; sent += SYS_CAPS_MAX)
		CHECK_EQ(sys_gate_send(gates[1], "", 1, caps, SYS_CAPS_MAX), 0);
}

/* Small and large, alone and together. */
static void call(struct mett_client *client, const char *name, uint64_t *state)
{
	static char data[LARGE];
	const struct mett_config config = {.timeout_us = PATIENCE_US};
	size_t size = fuzz_below(state, 2) ? 1 : LARGE;
	uint64_t token;
	struct mett_result result;

	for (unsigned i = fuzz_below(state, 8); i > 0; i--)
		mett_action_submit(client, name, data, size, &config, i, NULL);
	bool failed = mett_action_invoke(client, name, data, size,
	                                 fuzz_below(state, 2) ? &config : NULL, NULL) < 0;
	calls[failed]++;
	while (mett_client_in_flight(client)) {
		CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
		mett_result_deinit(&result);
	}
}

static void use(const char *socket, uint64_t *state)
{
	static const char *const functions[] = {"echo", "call", "startdie"};
	struct mett_client *client;
	char name[8];

	if (mett_register_client(socket, &client, NULL))
		return;
	for (unsigned i = 0; i < CALLS; i++) {
		const struct mett_action_options options = {.policy = 1 + fuzz_below(state, 3)};
		unsigned which = fuzz_below(state, 3);

		snprintf(name, sizeof(name), "%u", which);
		if (fuzz_below(state, 4) == 0)
			mett_action_delete(client, name, NULL);
		mett_action_create_path(client, name, function_path(functions[which]), &options,
		                        NULL);
		call(client, name, state);
	}
	mett_client_free(client);
}

/* By the server: it is sent no descriptor, which cannot be while so few may be under way. */
static bool is_served(struct mett_client *client)
{
	struct mett_error error;
	struct mett_result result;
	uint64_t token;

	if (mett_action_submit(client, "echo", "hello", 5, NULL, 0, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	bool served = !result.error.reason;
	mett_result_deinit(&result);
	return served;
}

TEST_TIMEOUT(a_server_without_descriptors, 600)
{
	uint64_t state = 1;

	bystander_begin(&other, "", METT_POLICY_FORK);
	CHECK_EQ(prlimit(other.server.pid, RLIMIT_NOFILE, NULL, &usual), 0);
	/* Beside programs of this user that have much under way, none may be served for a while. */
	for (unsigned i = 0; i < ROUNDS || !calls[0] || !calls[1]; i++) {
		int gates[2] = {SYS_NO_CAP, SYS_NO_CAP};

		if (i % 2)
			put_under_way(gates);
		limit_descriptors(other.before.fds + fuzz_below(&state, ROOM));
		use(other.server.socket, &state);
		limit_descriptors(usual.rlim_cur);
		sys_cap_close(gates[0]);
		sys_cap_close(gates[1]);
		/* Its zygote may have been lost with the handle of a worker that was to come. */
		CHECK(is_served(other.client));
	}
	bystander_end(&other);
}
