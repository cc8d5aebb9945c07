#pragma once

/*
 * Floors: what no platform can go below that wakes, forks or starts a process
 * for each call. Each call measures once, on the core the caller is pinned to,
 * and returns nanoseconds, or a negative errno.
 */
#include <stdint.h>

/** struct partner - a process that answers on a futex */
struct partner;

/** partner_new() - start it; 0 or a negative errno */
int partner_new(struct partner **ret);

/** partner_free() - end it */
void partner_free(struct partner *partner);

/** floor_round_trip() - R: wake the partner and sleep until it has woken us */
int64_t floor_round_trip(struct partner *partner);

/** floor_fork() - F: fork, exit, wait */
int64_t floor_fork(void);

/** floor_spawn() - S: posix_spawn() of a program, wait */
int64_t floor_spawn(const char *path);
