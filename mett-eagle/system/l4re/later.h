#pragma once

/* Work that a loop does for the world itself, in its own thread. */
#include "object.h"

#include "../loop.h"

#include <l4/sys/types.h>
#include <stdbool.h>

struct later {
	void (*run)(struct later *later);
	struct later *next;
	bool queued;
};

/** later_queue() - before the thread sleeps */
void later_queue(struct sys_loop *loop, struct later *later);

/** later_queue_idle() - when nothing happens; one after the other, oldest first */
void later_queue_idle(struct sys_loop *loop, struct later *later);

/** later_cancel() - not at all; does nothing when it is not queued */
void later_cancel(struct sys_loop *loop, struct later *later);

/**
 * loop_attach() - have a gate that is made now served by this loop
 * @ret_thread: which its kernel's gate is to be bound to; L4_INVALID_CAP: when the loop runs
 * @ret_label:  with this label
 *
 * Return: 0 or -ENOMEM.
 */
int loop_attach(struct sys_loop *loop, sys_cap gate, l4_cap_idx_t *ret_thread,
                l4_umword_t *ret_label);

/**
 * loop_hold_rings() - from now on who is sent something is not told
 *
 * The client has a priority above its session's, and would run at once. loop_ring() tells those
 * who were sent something meanwhile.
 */
void loop_hold_rings(struct sys_loop *loop);
void loop_ring(struct sys_loop *loop);

/** loop_hold_ring() - is its peer told by loop_ring()? */
bool loop_hold_ring(struct sys_loop *loop, const struct object *gate);

/** loop_detach() - it could not be made; before it is closed */
void loop_detach(struct sys_loop *loop, sys_cap gate);

/** loop_cores() - cores that threads of the server can run on, as a mask */
uint64_t loop_cores(void);

/* Clients, sessions and workers take turns on their core, and nobody can keep another out. */
enum { PRIORITY_STOPPED = 1, PRIORITY_ALL, PRIORITY_MOE = 255 };
