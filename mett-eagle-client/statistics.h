#pragma once

/* From samples to figures. */
#include "run.h"

enum phase {
	PHASE_SEND,
	PHASE_CREATE_WORKER,
	PHASE_RUNTIME,
	PHASE_FUNCTION,
	PHASE_END_RUNTIME,
	PHASE_DELETE_WORKER,
	PHASE_RECEIVE,
	PHASE_WHOLE,
	PHASE_REAP,
	PHASE_COUNT
};

/* Nanoseconds; percentiles by nearest rank. All 0 without samples. */
struct spread {
	size_t samples;
	uint64_t min, p50, p99, max;
};

struct statistics {
	struct spread phases[PHASE_COUNT];
	size_t asked, made, answered;
	size_t failures[FAILURE_COUNT];
	const char *first_failure[FAILURE_COUNT]; /* belongs to the load */
	unsigned pinned;                          /* clients */
	double per_second; /* answers, from the first start to the last end */
};

/** statistics_phase_name() - as "create worker"; static */
const char *statistics_phase_name(enum phase phase);

/** statistics_failure_name() - a reason's name, or that of FAILURE_DISORDER; static */
const char *statistics_failure_name(unsigned kind);

/** statistics_spread() - sort @count values and say how they are spread */
struct spread statistics_spread(uint64_t *values, size_t count);

/**
 * statistics_make() - all figures of a load that has run
 *
 * Return: 0 or -ENOMEM.
 */
int statistics_make(const struct load *load, struct statistics *ret);
