#include "histogram.h"

#include "test.h"

static struct histogram some, other;

TEST(an_empty_one_tells_nothing)
{
	CHECK_EQ(histogram_percentile(&some, 50), 0);
	histogram_merge(&other, &some);
	CHECK_EQ(other.total, 0);
	CHECK_EQ(other.least, 0);
}

TEST(edges_rise_and_hold_what_is_counted)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t edge = histogram_edge(i);

		if (edge <= last)
			test_fail(__FILE__, __LINE__, "edge %u does not rise", i);
		/* The first of each bucket, and the last. */
		histogram_add(&some, last);
		histogram_add(&some, edge - 1);
		if (some.count[i] != 2)
			test_fail(__FILE__, __LINE__, "bucket %u has %d of two", i,
			          (int)some.count[i]);
		last = edge;
	}
	CHECK_EQ(last, UINT64_MAX);
	histogram_add(&some, UINT64_MAX);
	CHECK_EQ(some.most, UINT64_MAX);
}

TEST(percentiles_are_by_nearest_rank_and_a_sixteenth_high_at_most)
{
	for (uint64_t i = 1; i <= 1000; i++)
		histogram_add(&some, i * 1000);
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t true_ns = percent * 10000;
		uint64_t told = histogram_percentile(&some, percent);

		if (told < true_ns || told > true_ns + true_ns / 16)
			test_fail(__FILE__, __LINE__, "p%u is %llu", percent,
			          (unsigned long long)told);
	}
	CHECK_EQ(histogram_percentile(&some, 100), 1000000);
	CHECK_EQ(histogram_percentile(&some, 0), histogram_percentile(&some, 0.1));
	CHECK_EQ(some.least, 1000);
}

TEST(merging_is_as_adding)
{
	for (uint64_t i = 0; i < 10; i++)
		histogram_add(&some, 1000 + i);
	for (uint64_t i = 0; i < 30; i++)
		histogram_add(&other, 100 + i);
	histogram_merge(&some, &other);
	CHECK_EQ(some.total, 40);
	CHECK_EQ(some.least, 100);
	CHECK_EQ(some.most, 1009);
	CHECK(histogram_percentile(&some, 75) < 140);
	CHECK(histogram_percentile(&some, 76) >= 1000);
}
