#pragma once

/* The load: clients that invoke, and what they saw. */
#include "options.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* A failure of ours beside the server's reasons: times that contradict each other. */
enum { FAILURE_DISORDER = METT_REASON_COUNT, FAILURE_COUNT };

/* One invocation. Nanoseconds on CLOCK_MONOTONIC. */
struct sample {
	uint64_t start, end;
	struct mett_metadata times;
	uint64_t activation;
	uint64_t reaped;      /* its worker was destroyed; 0: not known */
	uint64_t internal_us; /* what the function says of itself */
	bool answered;        /* if not, only the first two are of use */
};

/* One thread, which is one client of the server. */
struct client {
	struct load *load;
	pthread_t thread;
	struct mett_client *connection;
	bool pinned;
	struct sample *samples;
	_Atomic size_t made; /* invocations so far, failed ones included */
	size_t failures[FAILURE_COUNT];
	char first_failure[FAILURE_COUNT][METT_MESSAGE_MAX];
	struct mett_error error; /* why it could not begin */
};

enum load_state { LOAD_PREPARING, LOAD_RUNNING, LOAD_CANCELLED };

struct load {
	const struct options *options;
	struct client *clients;
	unsigned started; /* threads that exist */

	pthread_mutex_t lock; /* of the next three */
	pthread_cond_t change;
	enum load_state state;
	unsigned ready, running;
};

/**
 * load_new() - make room for all that will be measured
 *
 * Return: 0 or -ENOMEM. Free with load_free().
 */
int load_new(const struct options *options, struct load **ret);

/** load_free() - give it back; NULL is fine */
void load_free(struct load *load);

/**
 * load_run() - register all clients, let them go at the same time, wait for them
 *
 * Ends early when load_stop() is called. A failure to begin is printed.
 *
 * Return: true if the clients ran.
 */
bool load_run(struct load *load);

/** load_stop() - let each client stop behind its present invocation; async-signal-safe */
void load_stop(void);
