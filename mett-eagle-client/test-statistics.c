#include "statistics.h"

#include <test.h>

#include <string.h>

static const struct options options = {.threads = 2, .iterations = 3};

TEST(percentiles_are_by_nearest_rank)
{
	uint64_t values[200];

	for (uint64_t i = 0; i < 200; i++)
		values[i] = (i * 77) % 200 + 1;
	struct spread spread = statistics_spread(values, 200);
	CHECK_EQ(spread.samples, 200);
	CHECK_EQ(spread.min, 1);
	CHECK_EQ(spread.p50, 100);
	CHECK_EQ(spread.p99, 198);
	CHECK_EQ(spread.max, 200);
	values[0] = 5;
	spread = statistics_spread(values, 1);
	CHECK_EQ(spread.p50, 5);
	CHECK_EQ(spread.p99, 5);
	CHECK_EQ(statistics_spread(values, 0).samples, 0);
}

static void fill(struct sample *sample, uint64_t start)
{
	*sample = (struct sample){
		.start = start,
		.times = {start + 1, start + 3, start + 6, start + 10, start + 15, start + 21},
		.end = start + 28,
		.answered = true,
	};
}

TEST(each_phase_is_its_own_span)
{
	const uint64_t spans[] = {1, 2, 3, 4, 5, 6, 7, 28};
	struct statistics statistics;
	struct load *load;

	CHECK_EQ(load_new(&options, &load), 0);
	load->started = 2;
	fill(&load->clients[0].samples[0], 1000);
	fill(&load->clients[0].samples[1], 2000);
	fill(&load->clients[1].samples[0], 1500);
	load->clients[0].samples[1].reaped = 2021 + 50;
	load->clients[0].made = 2;
	load->clients[1].made = 1;
	CHECK_EQ(statistics_make(load, &statistics), 0);
	for (unsigned phase = PHASE_SEND; phase <= PHASE_WHOLE; phase++) {
		CHECK_EQ(statistics.phases[phase].samples, 3);
		CHECK_EQ(statistics.phases[phase].min, spans[phase]);
		CHECK_EQ(statistics.phases[phase].max, spans[phase]);
	}
	CHECK_EQ(statistics.phases[PHASE_REAP].samples, 1);
	CHECK_EQ(statistics.phases[PHASE_REAP].p50, 50);
	CHECK_EQ(statistics.asked, 6);
	CHECK_EQ(statistics.made, 3);
	CHECK_EQ(statistics.answered, 3);
	CHECK(statistics.per_second > 3e9 / 1028 - 1 && statistics.per_second < 3e9 / 1028 + 1);
	load_free(load);
}

TEST(failures_are_counted_and_not_measured)
{
	struct statistics statistics;
	struct load *load;

	CHECK_EQ(load_new(&options, &load), 0);
	load->started = 2;
	fill(&load->clients[1].samples[0], 1000);
	load->clients[1].samples[0].answered = false;
	load->clients[1].made = 1;
	load->clients[0].failures[METT_CRASHED] = 1;
	load->clients[1].failures[METT_CRASHED] = 2;
	load->clients[1].failures[FAILURE_DISORDER] = 1;
	strcpy(load->clients[0].first_failure[METT_CRASHED], "first");
	strcpy(load->clients[1].first_failure[METT_CRASHED], "second");
	CHECK_EQ(statistics_make(load, &statistics), 0);
	CHECK_EQ(statistics.answered, 0);
	CHECK_EQ(statistics.phases[PHASE_WHOLE].samples, 0);
	CHECK_EQ(statistics.failures[METT_CRASHED], 3);
	CHECK_STR(statistics.first_failure[METT_CRASHED], "first");
	CHECK_STR(statistics_failure_name(FAILURE_DISORDER), "times out of order");
	CHECK(statistics.per_second == 0);
	load_free(load);
}

TEST(every_phase_has_a_name)
{
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		CHECK(statistics_phase_name(phase)[0]);
}
