#include "quota.h"

#include <pthread.h>

#include <test.h>

enum { THREADS = 8, TURNS = 20000, LIMIT = 3, SECOND_NS = 1000000000 };

TEST(without_limits_all_is_free)
{
	struct quota quota = {0};

	CHECK(quota_take(&quota, QUOTA_MEMORY, UINT64_MAX / 2));
	CHECK(quota_take(&quota, QUOTA_CONCURRENT, 1) && quota_has(&quota, QUOTA_CONCURRENT));
	CHECK(quota_pace(&quota, 5) && !quota_watches_calls(&quota));
}

TEST(what_is_taken_is_given_back)
{
	const struct mett_quota limits = {.memory = 100};
	struct mett_quota seen;
	struct quota quota = {0};

	quota_set(&quota, &limits);
	CHECK(quota_watches_calls(&quota));
	CHECK(quota_take(&quota, QUOTA_MEMORY, 60));
	CHECK(!quota_take(&quota, QUOTA_MEMORY, 41));
	CHECK(!quota_take(&quota, QUOTA_MEMORY, UINT64_MAX)); /* it would wrap */
	CHECK(quota_take(&quota, QUOTA_MEMORY, 40));
	CHECK(!quota_take(&quota, QUOTA_MEMORY, 1) && quota_take(&quota, QUOTA_MEMORY, 0));
	quota_used(&quota, &seen, 0);
	CHECK_EQ(seen.memory, 100);
	quota_give(&quota, QUOTA_MEMORY, 60);
	quota_limits(&quota, &seen);
	CHECK_EQ(seen.memory, 100);
	CHECK(quota_take(&quota, QUOTA_MEMORY, 60));
	/* A lower limit takes nothing from anybody, and gives nothing either. */
	quota_set(&quota, &(struct mett_quota){.memory = 50});
	quota_give(&quota, QUOTA_MEMORY, 40);
	CHECK(!quota_take(&quota, QUOTA_MEMORY, 1));
	quota_give(&quota, QUOTA_MEMORY, 60);
	CHECK(quota_take(&quota, QUOTA_MEMORY, 50));
}

TEST(a_second_s_worth_may_come_at_once)
{
	struct mett_quota seen;
	struct quota quota = {0};
	uint64_t now = 77;

	quota_set(&quota, &(struct mett_quota){.rate = 10});
	for (int i = 0; i < 10; i++)
		CHECK(quota_pace(&quota, now));
	CHECK(!quota_pace(&quota, now));
	quota_used(&quota, &seen, now);
	CHECK_EQ(seen.rate, 10);
	/* One each tenth of a second from then on. */
	for (int i = 0; i < 5; i++) {
		now += SECOND_NS / 10;
		CHECK(quota_pace(&quota, now) && !quota_pace(&quota, now));
	}
	/* What is not used is not saved up. */
	now += 100 * (uint64_t)SECOND_NS;
	quota_used(&quota, &seen, now);
	CHECK_EQ(seen.rate, 0);
	for (int i = 0; i < 10; i++)
		CHECK(quota_pace(&quota, now));
	CHECK(!quota_pace(&quota, now));
	quota_set(&quota, &(struct mett_quota){.rate = UINT64_MAX});
	CHECK(quota_pace(&quota, now + SECOND_NS));
}

static struct quota shared;
static _Atomic unsigned inside, most;

static void *take_and_give(void *data)
{
	for (int i = 0; i < TURNS; i++) {
		if (!quota_take(&shared, QUOTA_CONCURRENT, 1))
			continue;
		unsigned now = ++inside, before = most;

		while (before < now && !atomic_compare_exchange_weak(&most, &before, now))
			;
		inside--;
		quota_give(&shared, QUOTA_CONCURRENT, 1);
	}
	return NULL;
}

TEST(it_holds_against_many_threads)
{
	pthread_t threads[THREADS];

	quota_set(&shared, &(struct mett_quota){.concurrent = LIMIT});
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(most >= 1 && most <= LIMIT);
	CHECK_EQ(shared.used[QUOTA_CONCURRENT], 0);
}
