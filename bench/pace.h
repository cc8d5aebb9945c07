#pragma once

/* Pace: calls one after the other, at a rate or as fast as they go. */
#include <stdint.h>

enum { PACE_NS = 1000000 }; /* paced: a call a millisecond */

/**
 * struct load - how to call
 * @count:   calls that are measured
 * @warm_up: calls before them, back to back
 * @pace_ns: from one call's start to the next one's; 0: back to back
 */
struct load {
	unsigned count;
	unsigned warm_up;
	uint64_t pace_ns;
};

/** pace_call - does once what is measured; returns nanoseconds, or a negative errno */
typedef int64_t pace_call(void *data);

/**
 * pace_run() - call as @load says
 * @samples:     memory for load->count
 * @ret_elapsed: nanoseconds from the first measured call to the end of the last
 *
 * A call that takes longer than the pace is followed by the next at once; the
 * time lost is not made up for, as that would be another load.
 *
 * Return: 0, or what a call returned that failed.
 */
int pace_run(const struct load *load, pace_call *call, void *data, int64_t *samples,
             uint64_t *ret_elapsed);

/** pace_stay() - stay on one core; 0 or a negative errno. @pid: 0 for ourselves */
int pace_stay(int pid, unsigned core);

/** pace_sleep_until() - on sys_clock_ns() */
void pace_sleep_until(uint64_t time_ns);
