#include "rates.h"
#include "histogram.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	const struct mett_action_stats *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Which bucket ends where is the library's to say. */
static uint64_t percentile(const uint64_t *latency, double percent)
{
	return mett_latency_ns(counts_rank(latency, METT_LATENCY_BUCKETS, percent));
}

static double per_second(uint64_t count, double seconds)
{
	return seconds > 0 ? (double)count / seconds : 0;
}

static void compare(const struct mett_action_stats *before, const struct mett_action_stats *now,
                    double seconds, struct rate *ret)
{
	static const struct mett_action_stats none;
	uint64_t latency[METT_LATENCY_BUCKETS], timed = 0;

	if (!before || before->calls > now->calls || before->errors > now->errors)
		before = &none;
	for (unsigned i = 0; i < METT_LATENCY_BUCKETS; i++) {
		latency[i] = now->latency[i] > before->latency[i]
		                     ? now->latency[i] - before->latency[i]
		                     : 0;
		timed += latency[i];
	}
	*ret = (struct rate){
		.calls = per_second(now->calls - before->calls, seconds),
		.errors = per_second(now->errors - before->errors, seconds),
		.p50 = timed ? percentile(latency, 50) : 0,
		.p99 = timed ? percentile(latency, 99) : 0,
		.total_calls = now->calls,
		.total_errors = now->errors,
		.running = now->running,
		.parked = now->parked,
		.memory = now->memory,
	};
	memcpy(ret->name, now->name, sizeof(ret->name));
}

void rates_make(struct look *before, const struct look *now, struct rate *ret)
{
	double seconds = before->time_ns ? (double)(now->time_ns - before->time_ns) / 1e9 : 0;

	if (before->count)
		qsort(before->row, before->count, sizeof(*before->row), by_name);
	for (size_t i = 0; i < now->count; i++) {
		const struct mett_action_stats *then =
			before->count ? bsearch(&now->row[i], before->row, before->count,
		                                sizeof(*before->row), by_name)
				      : NULL;

		compare(then, &now->row[i], seconds, &ret[i]);
	}
}

static double weight(const struct rate *rate, enum rate_order order)
{
	switch (order) {
	case RATE_BY_CALLS:
		return rate->calls;
	case RATE_BY_P50:
		return (double)rate->p50;
	case RATE_BY_P99:
		return (double)rate->p99;
	case RATE_BY_ERRORS:
		return rate->errors;
	case RATE_BY_RUNNING:
		return rate->running;
	case RATE_BY_PARKED:
		return rate->parked;
	case RATE_BY_MEMORY:
		return (double)rate->memory;
	default:
		return 0;
	}
}

static int by_weight(const void *a, const void *b, void *order)
{
	double left = weight(a, *(enum rate_order *)order);
	double right = weight(b, *(enum rate_order *)order);

	if (left != right)
		return left < right ? 1 : -1;
	return strcmp(((const struct rate *)a)->name, ((const struct rate *)b)->name);
}

void rates_sort(struct rate *rates, size_t count, enum rate_order order)
{
	qsort_r(rates, count, sizeof(*rates), by_weight, &order);
}
