#pragma once

/*
 * The side of who asks the server, by calls to a gate of the kernel: knock, take what
 * was sent, borrow memory and give it back.
 */
#include "object.h"

enum {
	REMOTE_PROTOCOL = 0x4d45,
	REMOTE_CAPS = 4, /* of one object */
};

/*
 * Answer to a call that gives an object: what it is; its size; its number, when it may be
 * handed back, else HOLDS_MAX. Its capabilities are those of struct object, in that order.
 */
enum { REMOTE_KIND = 0xff, REMOTE_SEALED = 0x100 };

enum remote_call {
	REMOTE_KNOCK,  /* at the door; gives a gate */
	REMOTE_FETCH,  /* number: gives what was sent */
	REMOTE_BORROW, /* size: gives memory, with its number */
	REMOTE_RETURN, /* number: it is not needed any more */
	REMOTE_COUNT,  /* at the door; tells struct remote_count */
};

/** remote_knock() - a gate from the server's door; 0 or a negative errno */
int remote_knock(l4_cap_idx_t door, sys_cap *ret);

/**
 * struct remote_count - of the server
 * @objects:  entries of its table in use
 * @slots:    of capabilities in use, and processes
 * @recycled: processes so far that had a life before
 */
struct remote_count {
	unsigned long objects, slots, recycled;
};

/** remote_count() - 0 or a negative errno */
int remote_count(l4_cap_idx_t door, struct remote_count *ret);

/** remote_init() - from now on capabilities go along with messages as a client's or worker's do */
void remote_init(void);
