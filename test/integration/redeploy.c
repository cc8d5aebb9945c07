/*
 * Redeploy under load: no call is lost, none fails, and each is answered by a version that
 * calls got at some moment while it ran: none that was gone before it began.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CALLERS = 4, CALLS = 2500, IN_FLIGHT = 8 };

static struct server server;
static _Atomic unsigned begun, deployed; /* versions: whose deploy has begun, and has ended */
static _Atomic unsigned callers;

static unsigned version_of(const struct mett_result *result)
{
	const char *seen = strstr(result->answer, "V=");

	CHECK(seen);
	return (unsigned)atoi(seen + 2);
}

static void check_one(struct mett_result *result, unsigned least)
{
	if (result->error.reason)
		test_fail(__FILE__, __LINE__, "%s", result->error.message);
	unsigned version = version_of(result), most = begun;
	if (version < least || version > most)
		test_fail(__FILE__, __LINE__, "answer of version %u, not of %u to %u", version,
		          least, most);
	mett_result_deinit(result);
}

/* By lane, where there is one. */
static void *call_one_by_one(void *data)
{
	struct mett_client *client = enter(&server, NULL);

	for (unsigned i = 0; i < CALLS; i++) {
		struct mett_result result;
		unsigned least = deployed;

		mett_action_invoke(client, data, NULL, 0, NULL, &result);
		check_one(&result, least);
	}
	mett_client_free(client);
	callers--;
	return NULL;
}

static void *call_many_at_once(void *data)
{
	struct mett_client *client = enter(&server, NULL);
	unsigned submitted = 0, completed = 0;

	while (completed < CALLS) {
		struct mett_result result;
		uint64_t least;

		while (submitted < CALLS && submitted - completed < IN_FLIGHT) {
			CHECK_EQ(mett_action_submit(client, data, NULL, 0, NULL, deployed, NULL),
			         0);
			submitted++;
		}
		CHECK_EQ(mett_client_complete(client, 60000000, &least, &result), 1);
		check_one(&result, (unsigned)least);
		completed++;
	}
	mett_client_free(client);
	callers--;
	return NULL;
}

static void deploy_version(struct mett_client *client, unsigned version, enum mett_policy policy)
{
	char text[32];
	const char *const environment[] = {text, NULL};
	const struct mett_action_options options = {.policy = policy, .environment = environment};

	snprintf(text, sizeof(text), "V=%u", version);
	begun = version;
	CHECK_EQ(put(client, "f", "peek", &options), version);
	deployed = version;
}

static void under_load(const char *options, enum mett_policy policy)
{
	pthread_t threads[CALLERS];
	unsigned version = 0;
	struct mett_client *client = begin_home(&server, options);

	deploy_version(client, ++version, policy);
	callers = CALLERS;
	for (unsigned i = 0; i < CALLERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL,
		                        i % 2 ? call_many_at_once : call_one_by_one, "f"),
		         0);
	while (callers) {
		deploy_version(client, ++version, policy);
		pause_ms(20);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	CHECK(version > 5);
	end(&server, client);
}

TEST_TIMEOUT(no_call_is_lost_by_a_redeploy, 300)
{
	under_load("--state none", METT_POLICY_FORK);
}

TEST_TIMEOUT(nor_of_processes_that_serve_on, 300)
{
	under_load("--state none", METT_POLICY_REUSE);
}

TEST_TIMEOUT(nor_with_state_on_disk, 300)
{
	char folder[64], options[96];

	state_make(folder, options);
	under_load(options, METT_POLICY_FORK);
	folder_remove(folder);
}
