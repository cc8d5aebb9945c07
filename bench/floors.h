#pragma once

/*
 * Floors: what no platform can go below that wakes, forks, starts or confines
 * a process for each call. They are measured by a process of their own, as what
 * a fork costs depends on the size of who forks: start it before all else.
 */
#include <stdint.h>

#include "pace.h"

enum floor {
	FLOOR_R, /* wake a process on a futex, and sleep until it has woken us */
	FLOOR_F, /* fork, exit, wait */
	FLOOR_S, /* posix_spawn of a small static program, wait */
	FLOOR_N, /* clone with the namespaces of a sandbox, exit, wait */
	FLOOR_COUNT
};

enum { FLOOR_SAMPLES_MAX = 20000 };

struct floors;

/**
 * floors_new() - start the process
 * @program: for FLOOR_S
 *
 * Return: 0 or a negative errno.
 */
int floors_new(const char *program, struct floors **ret);

/** floors_free() - end it */
void floors_free(struct floors *floors);

/**
 * floors_measure() - one floor, as pace_run(), with both processes on @core
 * @load: up to FLOOR_SAMPLES_MAX calls
 *
 * Return: 0 or a negative errno.
 */
int floors_measure(struct floors *floors, enum floor floor, unsigned core, const struct load *load,
                   int64_t *samples, uint64_t *ret_elapsed);

/** floor_name() - a letter; static */
const char *floor_name(enum floor floor);
