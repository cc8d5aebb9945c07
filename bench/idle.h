#pragma once

/* Idle: a server with many parked workers and nothing to do; how often it wakes, what it holds. */
#include "scene.h"

enum { IDLE_WORKERS = 100 };

struct idle;

/** idle_new() - a server with IDLE_WORKERS parked; returns when it has come to rest
 *
 * Fails the run when the workers do not come to be.
 */
struct idle *idle_new(const struct files *files);

/** idle_free() */
void idle_free(struct idle *idle);

/** idle_wake_ups() - of all threads of the server and of its workers, within @ms */
double idle_wake_ups(struct idle *idle, unsigned ms);

/** idle_memory() - proportional set size of a parked worker in KiB, the mean of all */
double idle_memory(struct idle *idle);
