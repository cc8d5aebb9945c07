/* Workers that say and do what comes to their minds, two thousand of them. */
#include "bystander.h"

#include <string.h>

enum {
	SEEDS = 700, /* for each of three policies */
	AT_ONCE = 8,
};

/* What an invocation may come to when it is the function that is wrong. */
static bool is_documented(enum mett_reason reason)
{
	switch (reason) {
	case METT_OK:
	case METT_TOO_LARGE:
	case METT_CRASHED:
	case METT_EXITED:
	case METT_FAILED:
	case METT_TIMED_OUT:
	case METT_OUT_OF_MEMORY:
	case METT_FORBIDDEN:
	case METT_PROTOCOL:
		return true;
	default:
		return false;
	}
}

static void submit_one(struct mett_client *client, unsigned seed)
{
	const struct mett_config config = {.timeout_us = 2000000};
	struct mett_error error;
	char text[16];

	snprintf(text, sizeof(text), "%u", seed);
	if (mett_action_submit(client, "babble", text, strlen(text), &config, seed, &error))
		test_fail(__FILE__, __LINE__, "seed %u: %s", seed, error.message);
}

static void take_one(struct mett_client *client, unsigned counts[METT_REASON_COUNT])
{
	struct mett_result result;
	uint64_t seed;

	CHECK_EQ(mett_client_complete(client, -1, &seed, &result), 1);
	if (!is_documented(result.error.reason))
		test_fail(__FILE__, __LINE__, "seed %u: %s: %s", (unsigned)seed,
		          mett_reason_name(result.error.reason), result.error.message);
	counts[result.error.reason]++;
	mett_result_deinit(&result);
}

static void babble(enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy};
	unsigned counts[METT_REASON_COUNT] = {0}, next = 0;
	struct bystander other;

	bystander_begin(&other, "", policy);
	struct mett_client *client = join(&other.server);
	deploy(client, "babble", &options);
	deploy(client, "echo", &options);
	while (next < SEEDS || mett_client_in_flight(client)) {
		while (next < SEEDS && mett_client_in_flight(client) < AT_ONCE)
			submit_one(client, next++);
		take_one(client, counts);
		if (next % 100 == 0)
			bystander_served(&other);
	}
	EXPECT_ANSWER(client, "echo", "hello", "hello");
	mett_client_free(client);
	for (unsigned reason = 0; reason < METT_REASON_COUNT; reason++)
		if (counts[reason])
			printf("%u %s\n", counts[reason], mett_reason_name(reason));
	/* They do not all come to the same. */
	CHECK(counts[METT_OK] && counts[METT_PROTOCOL] && counts[METT_FAILED] &&
	      counts[METT_FORBIDDEN]);
	bystander_end(&other);
}

TEST_TIMEOUT(workers_forked, 600)
{
	babble(METT_POLICY_FORK);
}

TEST_TIMEOUT(workers_spawned, 600)
{
	babble(METT_POLICY_SPAWN);
}

TEST_TIMEOUT(workers_reused, 600)
{
	babble(METT_POLICY_REUSE);
}
