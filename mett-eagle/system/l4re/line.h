#pragma once

/* The server's side of a gate: what its peer was sent, and what it asks by calls. */
#include "object.h"

#include "../loop.h"

#include <l4/sys/types.h>

struct line {
	struct hold hold[HOLDS_MAX];
	size_t lent; /* bytes */
	/* What else than calls of ours comes from a worker; NULL: of a client. */
	void (*other)(void *owner, l4_msgtag_t tag);
	void *owner;
	struct sys_loop *loop; /* that watches it */
};

/** line_init() - from now on capabilities go along with messages as the server's do */
void line_init(void);

/**
 * line_new_gate() - the server's end of a gate
 * @loop: which serves its peer from the start; NULL: the one that will watch it. To come to
 *        another thread later takes a grace period.
 *
 * Return: 0 or a negative errno.
 */
int line_new_gate(struct sys_loop *loop, sys_cap *ret);

/** line_lingers() - is it a client's, who was sent something and has not taken it yet? */
bool line_lingers(const struct object *gate);

/** line_serve() - answer the call that just came from the peer of a gate */
void line_serve(struct object *gate, l4_msgtag_t tag);

/** line_serve_door() - answer a knock; returns the new gate or SYS_NO_CAP */
sys_cap line_serve_door(l4_msgtag_t tag, bool room);
