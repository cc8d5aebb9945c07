#pragma once

/* Worker: the process that serves an activation, as the manager sees it. */
#include "pool.h"

enum worker_state {
	WORKER_STARTING,
	WORKER_PARKED,
	WORKER_RUNNING,
	WORKER_DYING, /* its outcome is known, or nobody wants it */
};

struct worker {
	struct list link; /* in its pool's parked or others */
	struct pool *pool;
	struct sys_worker *process;
	struct lane *lane; /* with its window */
	enum worker_state state;
	struct start start;
	struct activation *activation;  /* it serves; NULL unless running */
	struct activation *call;        /* it invoked, and waits for */
	uint64_t last;                  /* id of the activation it served last */
	uint64_t recorded;              /* id of the last whose outcome the server has seen to */
	uint64_t memory;                /* most it had, see struct sys_exit; 0: not known */
	uint64_t parent;                /* activation that called it past us; 0: none */
	unsigned depth;                 /* of that call; 0: a client's */
	char caller[METT_NAME_MAX + 1]; /* action that called it past us; "": none */
	uint64_t armed_ns;              /* since when the client may wake it */
	uint64_t lingers_ns;            /* has answered by its lane, and was there still; 0: no */
	bool outlived;                  /* the one that could call it is gone */
	uint64_t granted;               /* bytes of dataspaces it got for this activation */
	const char *fault;              /* for which it was killed; NULL: none */
	bool ended;                     /* its process is gone */
};

/**
 * worker_new() - order one for a pool, which then owns it
 * @lane: for it, taken; NULL: the pool's next
 *
 * Return: 0, or a negative errno, and the lane is the caller's still.
 */
int worker_new(struct pool *pool, struct lane *lane);

/** worker_is_callee() - can only another worker call it? Then it is not among the parked ones. */
bool worker_is_callee(const struct worker *worker);

/** worker_free() - end it, if it has not ended */
void worker_free(struct worker *worker);

/** worker_start() - have a parked worker serve an activation */
void worker_start(struct worker *worker, struct activation *activation);

/** worker_kill() - it broke the protocol: end it, and then its activation with @fault, static */
void worker_kill(struct worker *worker, const char *fault);

/**
 * worker_release() - its activation has its outcome
 * @may_stay: 1 when it answered as it should: under `reuse` it serves on
 *
 * Kills it otherwise. What it invoked and still waits for is cancelled.
 */
void worker_release(struct worker *worker, bool may_stay);
