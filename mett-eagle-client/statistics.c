#include "statistics.h"

#include <errno.h>
#include <stdlib.h>

static const char *const phase_names[PHASE_COUNT] = {
	[PHASE_SEND] = "send",
	[PHASE_CREATE_WORKER] = "create worker",
	[PHASE_RUNTIME] = "runtime",
	[PHASE_FUNCTION] = "function",
	[PHASE_END_RUNTIME] = "end runtime",
	[PHASE_DELETE_WORKER] = "delete worker",
	[PHASE_RECEIVE] = "receive",
	[PHASE_WHOLE] = "whole",
	[PHASE_REAP] = "reap",
};

const char *statistics_phase_name(enum phase phase)
{
	return phase_names[phase];
}

const char *statistics_failure_name(unsigned kind)
{
	return kind == FAILURE_DISORDER ? "times out of order" : mett_reason_name(kind);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned percent)
{
	return sorted[(count * percent + 99) / 100 - 1];
}

struct spread statistics_spread(uint64_t *values, size_t count)
{
	if (!count)
		return (struct spread){0};
	qsort(values, count, sizeof(*values), by_value);
	return (struct spread){
		.samples = count,
		.min = values[0],
		.p50 = percentile(values, count, 50),
		.p99 = percentile(values, count, 99),
		.max = values[count - 1],
	};
}

/* Returns whether the sample has that phase. */
static bool measure(const struct sample *sample, enum phase phase, uint64_t *ret)
{
	const struct mett_metadata *times = &sample->times;
	const uint64_t bounds[PHASE_COUNT][2] = {
		[PHASE_SEND] = {sample->start, times->start_worker},
		[PHASE_CREATE_WORKER] = {times->start_worker, times->start_runtime},
		[PHASE_RUNTIME] = {times->start_runtime, times->start_function},
		[PHASE_FUNCTION] = {times->start_function, times->end_function},
		[PHASE_END_RUNTIME] = {times->end_function, times->end_runtime},
		[PHASE_DELETE_WORKER] = {times->end_runtime, times->end_worker},
		[PHASE_RECEIVE] = {times->end_worker, sample->end},
		[PHASE_WHOLE] = {sample->start, sample->end},
		[PHASE_REAP] = {times->end_worker, sample->reaped},
	};

	if (!sample->answered || bounds[phase][1] < bounds[phase][0])
		return false;
	*ret = bounds[phase][1] - bounds[phase][0];
	return true;
}

static struct spread spread_phase(const struct load *load, enum phase phase, uint64_t *room)
{
	size_t count = 0;

	for (unsigned i = 0; i < load->started; i++)
		for (size_t row = 0; row < load->clients[i].made; row++)
			count += measure(&load->clients[i].samples[row], phase, &room[count]);
	return statistics_spread(room, count);
}

static void count_client(const struct client *client, struct statistics *ret)
{
	ret->made += client->made;
	ret->pinned += client->pinned;
	for (unsigned kind = 0; kind < FAILURE_COUNT; kind++) {
		if (client->failures[kind] && !ret->failures[kind])
			ret->first_failure[kind] = client->first_failure[kind];
		ret->failures[kind] += client->failures[kind];
	}
}

static double throughput(const struct load *load, size_t answered)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (unsigned i = 0; i < load->started; i++) {
		const struct client *client = &load->clients[i];

		if (!client->made)
			continue;
		if (client->samples[0].start < start)
			start = client->samples[0].start;
		if (client->samples[client->made - 1].end > end)
			end = client->samples[client->made - 1].end;
	}
	return end > start ? (double)answered * 1e9 / (double)(end - start) : 0;
}

int statistics_make(const struct load *load, struct statistics *ret)
{
	*ret = (struct statistics){.asked = load->options->iterations * load->options->threads};
	for (unsigned i = 0; i < load->started; i++)
		count_client(&load->clients[i], ret);

	/* One more than samples: measure() writes to the next row before it is counted. */
	uint64_t *room = calloc(ret->made + 1, sizeof(*room));
	if (!room)
		return -ENOMEM;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		ret->phases[phase] = spread_phase(load, phase, room);
	free(room);
	ret->answered = ret->phases[PHASE_WHOLE].samples;
	ret->per_second = throughput(load, ret->answered);
	return 0;
}
