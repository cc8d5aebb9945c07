#pragma once

/* Load: clients that invoke one action at the same time, each from a thread of its own. */
#include "histogram.h"

#include <mett-eagle/client.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { LOAD_CLIENTS_MAX = 256 };

/* One client: what it invokes with, and what came of it. */
struct load_client {
	struct load *load;
	struct mett_client *connection;
	pthread_t thread;
	struct histogram latency; /* of what was answered */
	uint64_t failed[METT_REASON_COUNT];
	char first_failure[METT_MESSAGE_MAX];
	uint64_t end_ns; /* CLOCK_MONOTONIC, when it had made its last call */
};

struct load {
	const char *action;
	const void *argument;
	size_t size;
	const struct mett_config *config; /* NULL: the action's; only then are there short cuts */
	uint64_t calls;                   /* of all together; 0: no bound */
	uint64_t duration_ns;             /* 0: no bound */
	double rate;                      /* a second, of all together; 0: as fast as they go */
	unsigned client_count;
	struct load_client *clients;
	uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC; filled in. The end: of the last client */
	atomic_uint_least64_t begun;
	atomic_uint running;
	atomic_bool stop;
};

/**
 * load_run() - run it to its end, or until load_stop()
 * @each: called about ten times a second meanwhile
 *
 * With a rate, the time of a call counts from when it was due: what one that takes long
 * holds up is seen.
 *
 * Return: 0, or a negative errno without any call made.
 */
int load_run(struct load *load, void (*each)(const struct load *load));

/** load_stop() - begin no more calls; for handlers of signals too */
void load_stop(struct load *load);
