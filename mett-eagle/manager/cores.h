#pragma once

/* Cores: which client computes where. From any thread. */
#include <pthread.h>
#include <stdbool.h>

enum {
	CORES_MAX = 1024,
	CORES_REFUSED = 1, /* none is free, and the policy is to refuse */
};

enum cores_policy {
	CORES_SHARE,  /* when all are taken: the one with the fewest clients */
	CORES_REFUSE, /* when all are taken: nobody else */
};

struct cores {
	pthread_mutex_t mutex;
	enum cores_policy policy;
	unsigned count;
	unsigned number[CORES_MAX];  /* of the core, as the system counts */
	unsigned clients[CORES_MAX]; /* on that core */
};

/** cores_init() - @numbers of the @count cores there are, 1 to CORES_MAX */
void cores_init(struct cores *cores, enum cores_policy policy, const unsigned *numbers,
                unsigned count);

/** cores_deinit() */
void cores_deinit(struct cores *cores);

/** cores_take() - find a client a core; returns 0 or CORES_REFUSED */
int cores_take(struct cores *cores, unsigned *ret);

/** cores_put() - give a client's core back */
void cores_put(struct cores *cores, unsigned number);
