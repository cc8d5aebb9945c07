/* Programs that misbehave before there is an invocation: in the zygote, or while they are parked.
 */
#include "bystander.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum {
	SEEDS = 150,
	PATIENCE_US = 3000000,
};

static struct bystander other;

/* It says it is ready when it is not, has made what it has not, and ends what never began. */
static void babble(struct mett_client *client, unsigned seed, unsigned counts[METT_REASON_COUNT])
{
	const struct mett_action_options options = {.policy = 1 + seed % 3};
	const struct mett_config config = {.timeout_us = PATIENCE_US};
	struct mett_result result;
	char name[16];

	snprintf(name, sizeof(name), "%u", seed);
	CHECK_EQ(
		mett_action_create_path(client, name, function_path("startbabble"), &options, NULL),
		0);
	int returned = mett_action_invoke(client, name, NULL, 0, &config, &result);
	if (returned && returned != -EFAULT)
		test_fail(__FILE__, __LINE__, "seed %u: %s", seed, result.error.message);
	counts[result.error.reason]++;
	mett_result_deinit(&result);
	CHECK_EQ(mett_action_delete(client, name, NULL), 0);
}

TEST_TIMEOUT(zygotes_that_say_anything, 600)
{
	unsigned counts[METT_REASON_COUNT] = {0};

	bystander_begin(&other, "", METT_POLICY_FORK);
	struct mett_client *client = join(&other.server);
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		babble(client, seed, counts);
		if (seed % 10 == 0)
			bystander_served(&other);
	}
	for (unsigned reason = 0; reason < METT_REASON_COUNT; reason++)
		if (counts[reason])
			printf("%u %s\n", counts[reason], mett_reason_name(reason));
	CHECK(counts[METT_NO_START]);
	mett_client_free(client);
	bystander_end(&other);
}

/* It is full before its zygote can fork; all of it goes with the action. */
TEST_TIMEOUT(a_zygote_that_multiplies, 300)
{
	const struct mett_action_options forked = {.policy = METT_POLICY_FORK};
	const struct mett_action_options spawned = {.policy = METT_POLICY_SPAWN};

	bystander_begin(&other, "", METT_POLICY_FORK);
	struct mett_client *client = join(&other.server);
	deploy(client, "startbomb", &forked);
	EXPECT_FAILURE(client, "startbomb", "", NULL, METT_NO_START, 0, "cannot fork");
	CHECK(server_usage(&other.server).processes > METT_ACTIVATIONS_MAX);
	CHECK_EQ(mett_action_delete(client, "startbomb", NULL), 0);
	SOON(server_usage(&other.server).processes == other.before.processes);
	deploy(client, "startbomb", &spawned);
	EXPECT_ANSWER(client, "startbomb", "", "0");
	mett_client_free(client);
	bystander_end(&other);
}

/* Those that were made ahead of demand die for nothing, and are not made again. */
TEST_TIMEOUT(workers_that_die_parked, 300)
{
	const struct mett_action_options spawned = {.policy = METT_POLICY_SPAWN};

	bystander_begin(&other, "", METT_POLICY_FORK);
	struct mett_client *client = join(&other.server);
	deploy(client, "startdie", &spawned);
	mett_action_invoke(client, "startdie", NULL, 0, NULL, NULL);
	/* While they came and died again it would never be steady. */
	CHECK_EQ(server_steady(&other.server).processes, other.before.processes);
	mett_client_free(client);
	bystander_end(&other);
}

/* Of its last line as much is told as a message holds. */
TEST(a_program_that_says_much_before_it_dies)
{
	const enum mett_policy policies[] = {METT_POLICY_FORK, METT_POLICY_SPAWN};

	bystander_begin(&other, "", METT_POLICY_FORK);
	for (unsigned i = 0; i < 2; i++) {
		const struct mett_action_options options = {.policy = policies[i]};
		struct mett_client *client = join(&other.server);

		deploy(client, "startloud", &options);
		EXPECT_FAILURE(client, "startloud", "", NULL, METT_NO_START, 0,
		               "exited with code 3: AAAA");
		mett_client_free(client);
	}
	bystander_end(&other);
}

static void limit_descriptors(const struct rlimit *limit)
{
	CHECK_EQ(prlimit(other.server.pid, RLIMIT_NOFILE, limit, NULL), 0);
}

/* Many at once, of which the last find no room for the handles of their processes. */
static void start_many(struct mett_client *client)
{
	const struct mett_config config = {.timeout_us = PATIENCE_US};

	for (unsigned i = 0; i < METT_IN_FLIGHT_MAX; i++)
		CHECK_EQ(mett_action_submit(client, "echo", NULL, 0, &config, i, NULL), 0);
	while (mett_client_in_flight(client)) {
		struct mett_result result;
		uint64_t token;

		CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
		mett_result_deinit(&result);
	}
}

/* What was built is ended, though nobody could take hold of it when it was told of. */
TEST_TIMEOUT(a_server_without_descriptors_for_what_starts, 300)
{
	const struct mett_action_options spawned = {.policy = METT_POLICY_SPAWN};
	struct rlimit usual;

	bystander_begin(&other, "", METT_POLICY_FORK);
	CHECK_EQ(prlimit(other.server.pid, RLIMIT_NOFILE, NULL, &usual), 0);
	struct mett_client *client = join(&other.server);
	deploy(client, "echo", &spawned);
	struct usage idle = server_steady(&other.server);
	for (unsigned room = 4; room < 64; room += 6) {
		const struct rlimit scarce = {idle.fds + room, usual.rlim_max};

		limit_descriptors(&scarce);
		start_many(client);
		limit_descriptors(&usual);
	}
	CHECK_EQ(mett_action_delete(client, "echo", NULL), 0);
	mett_client_free(client);
	bystander_end(&other);
}
