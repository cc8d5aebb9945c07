#pragma once

/*
 * Reserve: descriptors held back. A zygote's new workers come with their handles, and cannot be
 * sent back: when there are no descriptors for these, the reserve is spent to take the message
 * all the same, end them, and tell whoever waits for them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <protocol/protocol.h>

struct reserve {
	pthread_mutex_t mutex; /* held while it is spent */
	int fds[FORK_MAX];
	atomic_bool short_of; /* some, which were not to be had when it was restored */
};

/** reserve_init() - returns 0 or a negative errno */
int reserve_init(struct reserve *reserve);

/** reserve_deinit() - give it up */
void reserve_deinit(struct reserve *reserve);

/** reserve_spend() - close what is held back; until reserve_restore(), of the same thread */
void reserve_spend(struct reserve *reserve);

/** reserve_restore() - hold back again as many as there are to be had */
void reserve_restore(struct reserve *reserve);

/** reserve_complete() - hold back those that were missing, if any were and there are some now */
void reserve_complete(struct reserve *reserve);
