#include "rates.h"

#include "test.h"

#include <string.h>

static struct mett_action_stats before[3], now[3];
static struct look then = {before, 0, 1000000000}, later = {now, 0, 3000000000};
static struct rate rates[3];

/* As a client of a server would say. */
uint64_t mett_latency_ns(unsigned bucket)
{
	return bucket * 1000;
}

static void has(struct look *look, const char *name, uint64_t calls, uint64_t errors)
{
	struct mett_action_stats *row = &look->row[look->count++];

	strcpy(row->name, name);
	row->calls = calls;
	row->errors = errors;
}

TEST(what_happened_in_between_is_counted_a_second)
{
	has(&then, "b", 100, 10);
	has(&then, "a", 5, 0);
	has(&later, "a", 5, 0);
	has(&later, "b", 300, 16);
	before[0].latency[7] = 100;
	now[1].latency[7] = 101;
	now[1].latency[9] = 98;
	now[1].latency[20] = 1;
	rates_make(&then, &later, rates);
	CHECK_STR(rates[0].name, "a");
	CHECK(rates[0].calls == 0 && rates[0].errors == 0);
	CHECK_EQ(rates[0].p50, 0);
	CHECK_STR(rates[1].name, "b");
	CHECK(rates[1].calls == 100 && rates[1].errors == 3);
	CHECK_EQ(rates[1].p50, 9000);
	CHECK_EQ(rates[1].p99, 9000);
	CHECK_EQ(rates[1].total_calls, 300);
	now[1].latency[20] = 2;
	rates_make(&then, &later, rates);
	CHECK_EQ(rates[1].p99, 20000);
}

TEST(an_action_that_is_new_or_began_again_counts_from_nothing)
{
	has(&then, "again", 1000, 7);
	before[0].latency[9] = 1000;
	has(&later, "again", 4, 0);
	now[0].latency[5] = 4;
	has(&later, "new", 6, 6);
	rates_make(&then, &later, rates);
	CHECK(rates[0].calls == 2 && rates[0].errors == 0);
	CHECK_EQ(rates[0].p99, 5000);
	CHECK(rates[1].calls == 3 && rates[1].errors == 3);
}

TEST(at_first_only_what_there_was_so_far_is_known)
{
	struct look none = {0};

	has(&later, "a", 1000, 1);
	now[0].latency[3] = 1000;
	rates_make(&none, &later, rates);
	CHECK(rates[0].calls == 0 && rates[0].errors == 0);
	CHECK_EQ(rates[0].p50, 3000);
	CHECK_EQ(rates[0].total_calls, 1000);
}

static void expect_order(enum rate_order order, const char *first)
{
	rates_sort(rates, 3, order);
	if (strcmp(rates[0].name, first))
		test_fail(__FILE__, __LINE__, "by %d first comes %s, not %s", order, rates[0].name,
		          first);
}

TEST(the_most_come_first_and_names_where_they_are_even)
{
	rates[0] = (struct rate){.name = "c", .calls = 9, .p50 = 1, .running = 2, .memory = 5};
	rates[1] = (struct rate){.name = "b", .errors = 1, .p50 = 1, .p99 = 3};
	rates[2] = (struct rate){.name = "a", .parked = 1, .memory = 7};
	expect_order(RATE_BY_CALLS, "c");
	CHECK_STR(rates[1].name, "a");
	expect_order(RATE_BY_ERRORS, "b");
	expect_order(RATE_BY_P50, "b");
	expect_order(RATE_BY_P99, "b");
	expect_order(RATE_BY_RUNNING, "c");
	expect_order(RATE_BY_PARKED, "a");
	expect_order(RATE_BY_MEMORY, "a");
	expect_order(RATE_BY_NAME, "a");
	CHECK_STR(rates[2].name, "c");
}
