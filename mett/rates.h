#pragma once

/* Rates: what happened between two looks at the statistics of a namespace. */
#include <mett-eagle/client.h>

/** struct rate - of one action; durations in ns, 0 where there was no call */
struct rate {
	char name[METT_NAME_MAX + 1];
	double calls, errors; /* a second */
	uint64_t p50, p99;
	uint64_t total_calls, total_errors;
	uint32_t running, parked;
	uint64_t memory; /* bytes */
};

enum rate_order {
	RATE_BY_NAME,
	RATE_BY_CALLS,
	RATE_BY_P50,
	RATE_BY_P99,
	RATE_BY_ERRORS,
	RATE_BY_RUNNING,
	RATE_BY_PARKED,
	RATE_BY_MEMORY,
	RATE_ORDERS
};

/** struct look - at the statistics, at a moment; @row as mett_action_stats() gives it */
struct look {
	struct mett_action_stats *row;
	size_t count;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
};

/**
 * rates_make() - compare two looks
 * @before: sorted by name in passing; an action that is not in it, or has counted more
 *          there than now, began in between. Zeroed when there was none: then nothing is
 *          known a second, and percentiles are of all calls so far
 * @ret:    @now->count rows, in no order
 */
void rates_make(struct look *before, const struct look *now, struct rate *ret);

/** rates_sort() - the most first; by name where they are even */
void rates_sort(struct rate *rates, size_t count, enum rate_order order);
