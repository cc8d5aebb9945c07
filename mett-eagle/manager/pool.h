#pragma once

/*
 * Pool: the workers of one version of an action in one session, and the zygote
 * they are forked from. Makes workers ahead of demand, and gives each activation one.
 */
#include <mett-eagle/client.h>

#include "session.h"
#include "start.h"
#include "space.h"

enum pool_state {
	POOL_COLD,     /* no zygote */
	POOL_FETCHING, /* its program comes from the store */
	POOL_STARTING, /* zygote was ordered */
	POOL_READY,    /* zygote forks */
	POOL_LAME,     /* zygote is gone; its workers may still serve */
};

struct pool {
	struct list link;     /* in the session's retired ones, once it is one */
	struct list shortage; /* in the session's list of those to be looked at this turn */
	struct session *session;
	struct mett_action_options options;
	char name[METT_NAME_MAX + 1];
	struct version *version;
	struct deployed
		*deployed; /* the action of a space that it serves; NULL: the session's own */
	bool limited;      /* each call must pass the server */
	struct sys_sandbox *sandbox;
	enum pool_state state;
	struct start start; /* of the zygote */
	struct timer idle;  /* until parked workers end that nobody uses */
	struct list parked; /* workers that can serve at once; last in, first out */
	struct list others; /* workers being made, at work, or dying */
	unsigned parked_count;
	unsigned starting_count;
	unsigned other_count;
	unsigned ahead;                 /* workers to have parked, by how fast they are used up */
	unsigned least;                 /* that were left of late when others were made */
	unsigned gone;                  /* since then */
	struct list spare;              /* lanes without a worker */
	struct list callees;            /* lanes on which only another pool's worker can call */
	char callee[METT_NAME_MAX + 1]; /* action that its workers call; "": none */
	unsigned callee_missed;         /* workers in a row that did not */
	struct window_warm warm;        /* what its lanes' rooms will likely hold */
	bool lanes_wanted;              /* the client makes calls that it waits for */
	struct list waiting;            /* activations without a worker, oldest first */
	unsigned waiting_count;
	struct creation *creation; /* whose client waits for the zygote; NULL: none */
	bool retired;
	bool holding; /* the last worker could not be made or died idle: none ahead of demand */
};

/**
 * pool_new() - no worker is made before the first activation
 * @version:  the pool holds it too
 * @deployed: the pool holds it too; NULL: it is no space's
 *
 * Return: pool, or NULL when there is no memory.
 */
struct pool *pool_new(struct session *session, const char *name, struct version *version,
                      struct deployed *deployed);

/** pool_is_limited() - must each call pass the server, as things are now? */
bool pool_is_limited(const struct pool *pool);

/** pool_running() - activations of it under way, those that wait included */
unsigned pool_running(const struct pool *pool);

/** pool_fetched() - its program is there, @why being NULL, or will not come */
void pool_fetched(struct pool *pool, const char *why);

/** pool_program() - what its workers run, for the system */
struct sys_program pool_program(const struct pool *pool);

/** pool_spawns() - does each worker get a sandbox of its own, and none a zygote? */
bool pool_spawns(const struct pool *pool);

/** pool_start() - start its zygote, and make no worker yet; 0 or a negative errno */
int pool_start(struct pool *pool);

/** pool_free() - end all its processes, without a word to anyone */
void pool_free(struct pool *pool);

/** pool_retire() - serve what is there, nothing new; pool_collect() frees it in the end */
void pool_retire(struct pool *pool);

/**
 * pool_succeed() - have a pool that can make no more workers retire, and another follow it
 * @pool: of an action; exchanged, if need be
 *
 * Return: 0, or -ENOMEM and nothing has changed.
 */
int pool_succeed(struct pool **pool);

/** pool_collect() - free the session's retired pools that have nothing left to do */
void pool_collect(struct session *session);

/** pool_serve() - give an activation a worker, now or when there is one */
void pool_serve(struct pool *pool, struct activation *activation);

/** pool_want_lanes() - the client would use lanes; or @caller would, if that is not NULL */
void pool_want_lanes(struct pool *pool, struct worker *caller);

/** pool_want_workers() - it may be short of some: to be looked at by pools_supply() */
void pool_want_workers(struct pool *pool);

/** pool_worker_busy() - a parked one was given work by the client itself */
void pool_worker_busy(struct pool *pool, struct worker *worker);

/** pool_forget() - an activation that waits for a worker does so no longer */
void pool_forget(struct pool *pool, struct activation *activation);

/** pools_supply() - make the workers that what happened in this turn has made necessary */
void pools_supply(struct session *session);

/** pool_worker_parked() - a worker can serve: the oldest activation that waits, or a later one */
void pool_worker_parked(struct pool *pool, struct worker *worker);

/** pool_worker_lost() - a parked one can serve no more; it will end */
void pool_worker_lost(struct pool *pool, struct worker *worker);

/** pool_worker_failed() - one that was ordered will not come, and why; it is freed */
void pool_worker_failed(struct pool *pool, struct worker *worker, const char *why);

/** pool_worker_gone() - one has ended; it is freed */
void pool_worker_gone(struct pool *pool, struct worker *worker);

/** pool_worker_late() - one did not park in time: it fails, and its zygote with it */
void pool_worker_late(struct pool *pool, struct worker *worker, const char *why);
