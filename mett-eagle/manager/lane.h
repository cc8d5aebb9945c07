#pragma once

/*
 * Lane: the window a worker gets, and the client's way to that worker past the
 * server, see protocol/window.h. Lanes outlive their workers: the next worker of
 * the pool gets the same window, wiped. The session's thread alone uses them.
 */
#include "pool.h"

struct lane {
	struct list link; /* in its pool's spare ones, unless a worker has it; or in its callees' */
	struct pool *pool;
	struct worker *worker; /* NULL while it is spare */
	struct sys_window window;
	unsigned number;     /* in the session's table; WINDOW_LANES: none */
	unsigned level;      /* 0, or of the lane whose worker may call on this one, and one more */
	struct lane *caller; /* that lane; NULL: the client may, if it has a number */
	struct lane *callee; /* which its own worker may call on */
	bool stale;          /* what its last worker could call on was another */
	uint32_t generation;
	uint64_t calls;    /* the part of the client's count that is in the action's already */
	uint64_t promoted; /* of the calls that are not counted yet; they are activations of ours */
	bool announced;    /* to the client */
	bool abandoned;    /* it may be written to by who claimed it; no other worker gets it */
};

/** lane_take() - a wiped lane for a new worker, spare or new; NULL: no memory */
struct lane *lane_take(struct pool *pool);

/** lane_take_again() - the same with a callee's lane, for its next worker; 0 or a negative errno */
int lane_take_again(struct lane *lane);

/** lane_is_short() - should there be a worker for this lane, as its caller's has one? */
bool lane_is_short(const struct lane *lane);

/** lane_attach() - a worker on a callee's lane has parked; false: it is of no use */
bool lane_attach(struct worker *worker);

/** lane_renew_callee() - this worker calls again: the one it has called makes room for another */
void lane_renew_callee(struct worker *worker);

/** lane_check_depth() - where its activation is nested deep, this worker calls nobody past us */
void lane_check_depth(struct worker *worker);

/** lane_end_callee() - this lane's worker is gone: what it could call ends with it */
void lane_end_callee(struct lane *lane);

/** lane_give() - its worker is gone, and the pool has it back; NULL is fine */
void lane_give(struct lane *lane);

/** lanes_fetched() - has the client all answers that came by the pool's lanes? */
bool lanes_fetched(const struct pool *pool);

/** lanes_trim() - free the spare ones, as no worker needs them now or soon */
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

/** lane_end_parked() - as lane_close(), and a callee that serves nobody then ends */
void lane_end_parked(struct lane *lane);

/** lane_used() - by a call whose answer the client has; the worker has nothing left to do */
bool lane_used(const struct lane *lane);

/** lane_count() - add the calls it served to its action's; true: there were some */
bool lane_count(struct lane *lane);

/** lanes_count() - the same with all of a session's */
void lanes_count(struct session *session);

/** lane_last() - id of the last activation it served */
uint64_t lane_last(const struct lane *lane);

/** lane_claimed() - the client, or @caller, says that its call takes long, or went wrong */
void lane_claimed(struct session *session, struct worker *caller,
                  const struct message_claim *message);

/** lanes_withdraw() - no more calls past the server; those under way are its own now */
void lanes_withdraw(struct session *session);
