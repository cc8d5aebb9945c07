#pragma once

/*
 * Lane: the window a worker gets, and the client's way to that worker past the
 * server, see protocol/window.h. Lanes outlive their workers: the next worker of
 * the pool gets the same window, wiped. The session's thread alone uses them.
 */
#include "pool.h"

struct lane {
	struct list link; /* in its pool's spare ones, unless a worker has it */
	struct pool *pool;
	struct worker *worker; /* NULL while it is spare */
	struct sys_window window;
	unsigned number; /* in the session's table; WINDOW_LANES: none, and no way past us */
	uint32_t generation;
	uint64_t calls; /* the part of the client's count that is in the action's already */
	bool announced; /* to the client */
};

/** lane_take() - a wiped lane for a new worker, spare or new; NULL: no memory */
struct lane *lane_take(struct pool *pool);

/** lane_give() - its worker is gone, and the pool has it back; NULL is fine */
void lane_give(struct lane *lane);

/** lanes_trim() - free the spare ones, as no worker needs them now */
void lanes_trim(struct pool *pool);

/** lane_free() - for good; no worker has it */
void lane_free(struct lane *lane);

/** lane_arm() - the client may wake this parked worker itself, if it ever asked for that */
void lane_arm(struct worker *worker);

/** lane_unused() - false once the client has claimed it */
bool lane_unused(const struct lane *lane);

/** lane_disarm() - the server needs the worker itself; false: the client was quicker */
bool lane_disarm(struct lane *lane);

/**
 * lane_promote() - make the call under way on a parked worker's lane an activation like any other
 *
 * Return: true when the worker now serves one; false when there is no such call,
 * or it has been answered.
 */
bool lane_promote(struct worker *worker);

/** lane_close() - promote its call; and no other is made on this lane from here on */
void lane_close(struct worker *worker);

/** lane_used() - by a call whose answer the client has; the worker has nothing left to do */
bool lane_used(const struct lane *lane);

/** lane_count() - add the calls it served to its action's; true: there were some */
bool lane_count(struct lane *lane);

/** lane_last() - id of the last activation it served */
uint64_t lane_last(const struct lane *lane);

/** lane_claimed() - the client says that its call takes long, or went wrong */
void lane_claimed(struct session *session, const struct message_claim *message);

/** lanes_withdraw() - no more calls past the server; those under way are its own now */
void lanes_withdraw(struct session *session);
