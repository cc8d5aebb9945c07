/* Quotas of a namespace hold, however many clients push, and what was taken is given back. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
	CLIENTS = 32,
	PUSH_MS = 1500,
	CONCURRENT = 10,
	RATE = 200,
	PARKED = 5,
	ACTIONS = 7,
	IN_TURN = 5000
};

static struct server server;
static _Atomic bool over;
static _Atomic unsigned answered, refused;

static void limit(struct mett_client *client, const struct mett_quota *quota)
{
	char home[16];
	struct mett_error error;

	CHECK_EQ(mett_home_namespace(home, sizeof(home)), 0);
	if (mett_namespace_limit(client, home, quota, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
}

static struct mett_quota used(struct mett_client *client)
{
	struct mett_namespace_info *spaces;
	struct mett_quota quota;
	size_t count;

	CHECK_EQ(mett_namespace_list(client, &spaces, &count, NULL), 0);
	CHECK(count >= 1);
	quota = spaces[0].used;
	free(spaces);
	return quota;
}

/* As many at once as the client may have, and again at once when one is refused. */
static void *push(void *action)
{
	struct mett_client *client = enter(&server, NULL);
	unsigned in_flight = 0;

	while (!over || in_flight) {
		struct mett_result result;
		uint64_t token;

		for (; !over && in_flight < 4; in_flight++)
			submit(client, action, "5", 0);
		CHECK_EQ(mett_client_complete(client, 60000000, &token, &result), 1);
		in_flight--;
		if (result.error.reason == METT_QUOTA) {
			CHECK(strstr(result.error.message, "quota") ||
			      strstr(result.error.message, "a second") ||
			      strstr(result.error.message, "at a time") ||
			      strstr(result.error.message, "are not free"));
			refused++;
		} else if (result.error.reason) {
			test_fail(__FILE__, __LINE__, "%s", result.error.message);
		} else {
			answered++;
		}
		mett_result_deinit(&result);
	}
	mett_client_free(client);
	return NULL;
}

/* While they push, @check is called again and again. */
static void let_them_push(const char *action, struct mett_client *client,
                          void (*check)(struct mett_client *client))
{
	pthread_t threads[CLIENTS];

	over = false;
	answered = refused = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, push, (void *)action), 0);
	for (uint64_t until = now_ms() + PUSH_MS; now_ms() < until; pause_ms(2))
		check(client);
	over = true;
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	CHECK(answered > 0);
	SOON(used(client).concurrent == 0 && used(client).memory == 0);
}

static void check_concurrent(struct mett_client *client)
{
	CHECK(used(client).concurrent <= CONCURRENT);
}

TEST_TIMEOUT(concurrent_activations, 300)
{
	struct mett_client *client = begin_home(&server, "");

	put(client, "f", "sleep", NULL);
	limit(client, &(struct mett_quota){.concurrent = CONCURRENT});
	let_them_push("f", client, check_concurrent);
	CHECK(refused > 0);
	end(&server, client);
}

/* Who has been answered is no longer under way, for another session neither. */
TEST_TIMEOUT(one_after_the_other, 300)
{
	struct mett_client *clients[] = {begin_home(&server, ""), enter(&server, NULL)};

	put(clients[0], "f", "echo", NULL);
	limit(clients[0], &(struct mett_quota){.concurrent = 1});
	for (unsigned i = 0; i < IN_TURN; i++) {
		struct mett_result result;

		if (mett_action_invoke(clients[i % 2], "f", "", 0, NULL, &result))
			test_fail(__FILE__, __LINE__, "call %u: %s", i, result.error.message);
		mett_result_deinit(&result);
	}
	mett_client_free(clients[1]);
	end(&server, clients[0]);
}

static void check_running(struct mett_client *client)
{
	struct mett_action_stats *stats;
	size_t count;

	CHECK_EQ(mett_action_stats(client, &stats, &count, NULL), 0);
	CHECK_EQ(count, 1);
	/* Whoever asks for one more stands in it for a moment. */
	CHECK(stats[0].running <= CONCURRENT + CLIENTS);
	free(stats);
}

/* An action's own limit: it tells itself how many it is. */
TEST_TIMEOUT(concurrency_of_an_action, 300)
{
	const struct mett_action_options options = {.concurrency = CONCURRENT};
	struct mett_client *client = begin_home(&server, "");

	put(client, "f", "sleep", &options);
	let_them_push("f", client, check_running);
	CHECK(refused > 0);
	end(&server, client);
}

static void check_memory(struct mett_client *client)
{
	CHECK(used(client).memory <= 64 * MIB);
}

TEST_TIMEOUT(memory, 300)
{
	const struct mett_action_options options = {.defaults = {.memory_limit = 10 * MIB}};
	struct mett_client *client = begin_home(&server, "");
	struct mett_error error;

	put(client, "f", "sleep", &options);
	put(client, "unbound", "echo", NULL);
	limit(client, &(struct mett_quota){.memory = 64 * MIB});
	EXPECT_FAILURE(client, "unbound", "", NULL, .reason = METT_QUOTA, .detail = 64 * MIB,
	               .message = "has no memory limit");
	EXPECT_ERROR(
		error, METT_QUOTA, "give the action a memory limit",
		mett_action_deploy_path(client, "g", function_path("echo"), NULL, NULL, &error));
	let_them_push("f", client, check_memory);
	CHECK(refused > 0);
	end(&server, client);
}

static void check_nothing(struct mett_client *client)
{
}

TEST_TIMEOUT(rate, 300)
{
	struct mett_client *client = begin_home(&server, "");

	put(client, "f", "sleep", NULL);
	limit(client, &(struct mett_quota){.rate = RATE});
	uint64_t start = now_ms();
	let_them_push("f", client, check_nothing);
	/* A second's worth at once, then one each 5 ms. */
	CHECK(answered <= RATE + (now_ms() - start + 1) * RATE / 1000 + 1);
	CHECK(refused > 0);
	end(&server, client);
}

static void check_parked(struct mett_client *client)
{
	CHECK(used(client).parked <= PARKED);
}

TEST_TIMEOUT(parked_workers, 300)
{
	struct mett_client *client = begin_home(&server, "");

	put(client, "f", "sleep", NULL);
	limit(client, &(struct mett_quota){.parked = PARKED});
	let_them_push("f", client, check_parked);
	CHECK_EQ(refused, 0);
	SOON(used(client).parked == 0); /* they went with their sessions */
	end(&server, client);
}

TEST(actions_and_code)
{
	struct mett_client *client = begin_home(&server, "");
	struct mett_error error;
	char name[8];

	limit(client, &(struct mett_quota){.actions = ACTIONS});
	for (unsigned i = 0; i <= ACTIONS; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (i < ACTIONS)
			put(client, name, "echo", NULL);
	}
	EXPECT_ERROR(
		error, METT_QUOTA, "has 7 actions, and may have 7",
		mett_action_deploy_path(client, name, function_path("echo"), NULL, NULL, &error));
	limit(client, &(struct mett_quota){.actions = 2});
	EXPECT_ERROR(
		error, METT_QUOTA, "has 7 actions, and may have 2",
		mett_action_deploy_path(client, name, function_path("echo"), NULL, NULL, &error));
	limit(client, &(struct mett_quota){.actions = ACTIONS});
	put(client, "f0", "empty", NULL); /* of those that are there new versions */
	CHECK_EQ(mett_action_delete(client, "f1", NULL), 0);
	put(client, name, "echo", NULL);
	CHECK_EQ(used(client).actions, ACTIONS);
	end(&server, client);
}

TEST(code_is_counted_once)
{
	char folder[64], options[96];
	struct mett_client *client;
	struct mett_error error;

	state_make(folder, options);
	client = begin_home(&server, options);
	put(client, "f", "echo", NULL);
	uint64_t one = used(client).code;
	CHECK(one > 0);
	put(client, "f", "echo", NULL);
	put(client, "g", "echo", NULL);
	CHECK_EQ(used(client).code, one);
	limit(client, &(struct mett_quota){.code = one + one / 2});
	EXPECT_ERROR(
		error, METT_QUOTA, " of code",
		mett_action_deploy_path(client, "h", function_path("counter"), NULL, NULL, &error));
	CHECK_EQ(used(client).code, one);
	CHECK_EQ(mett_action_delete(client, "f", NULL), 0);
	CHECK_EQ(used(client).code, one);
	CHECK_EQ(mett_action_delete(client, "g", NULL), 0);
	CHECK_EQ(used(client).code, 0);
	put(client, "h", "counter", NULL);
	uint64_t other = used(client).code;
	end(&server, client);
	/* What it is counted as, and what it may be, is known again after a start. */
	client = begin_home(&server, options);
	CHECK_EQ(used(client).code, other);
	CHECK_EQ(used(client).actions, 1);
	EXPECT_ERROR(
		error, METT_QUOTA, " of code",
		mett_action_deploy_path(client, "f", function_path("echo"), NULL, NULL, &error));
	end(&server, client);
	folder_remove(folder);
}

TEST(defaults_come_from_the_operator)
{
	static char *const wrong[][2] = {{"--quota=", "no ''"},
	                                 {"--quota=size=1", "no 'size'; there are actions, code"},
	                                 {"--quota=rate", "give rate a number"},
	                                 {"--quota=rate=-1", "give rate a number"},
	                                 {"--quota=rate=1,", "no ''"}};
	struct mett_namespace_info *spaces;
	char output[4096];
	size_t count;

	server_needs();
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *const argv[] = {"mett-eagle", "-n", wrong[i][0], NULL};

		CHECK_EQ(WEXITSTATUS(run_server(argv, output, sizeof(output))), 2);
		if (!strstr(output, wrong[i][1]))
			test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", wrong[i][1], output);
	}
	struct mett_client *client = begin_home(&server, "--quota memory=1G,rate=5,actions=0");
	CHECK_EQ(mett_namespace_list(client, &spaces, &count, NULL), 0);
	CHECK_EQ(spaces[0].quota.memory, 1 << 30);
	CHECK_EQ(spaces[0].quota.code, 1 << 30);
	CHECK_EQ(spaces[0].quota.rate, 5);
	CHECK_EQ(spaces[0].quota.actions, 0);
	free(spaces);
	end(&server, client);
}
