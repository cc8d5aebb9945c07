#pragma once

/* Idle: a server with many parked workers and nothing to do; how often it wakes, what it holds. */
#include "scene.h"
#include "stats.h"

enum { IDLE_WORKERS = 100 };

/** struct idle - what came of it, a value for each part of the time */
struct idle {
	double wake_ups[ROUNDS_MAX];   /* of all threads of the server and what it made */
	double parked_kib[ROUNDS_MAX]; /* proportional set size of a parked worker, the mean of all
	                                */
	unsigned parked;               /* workers that were there all the time */
};

/**
 * idle_measure() - @ms without interruption, looked at in @parts, up to ROUNDS_MAX
 *
 * At once after the workers were parked: a server may end those that are never used.
 */
void idle_measure(const struct files *files, unsigned parts, unsigned ms, struct idle *ret);
