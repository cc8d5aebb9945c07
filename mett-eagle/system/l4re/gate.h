#pragma once

/*
 * A gate: two rings in memory that both ends share, a semaphore or interrupt for each
 * end to be rung by, and a gate of the kernel, through which the peer takes the
 * capabilities it was sent and whose deletion tells that it is gone. The peer can write
 * anything into the rings at any time.
 */
#include "object.h"

#include <protocol/protocol.h>

enum { RING_SIZE = 16 << 10 };

struct ring {
	_Atomic uint32_t written; /* bytes ever; moved by who writes */
	_Atomic uint32_t read;
	_Atomic uint32_t full;   /* who writes waits for room */
	_Atomic uint32_t closed; /* who writes is gone */
	unsigned char reserved[48];
	unsigned char data[RING_SIZE];
};

/* What a worker looks at in each life lies where the rings begin: these pages it has from the
 * start. */
struct gate_memory {
	_Atomic uint32_t logged; /* by the server: this peer wrote to its log */
	struct ring ring[2];
};

/* What stands before each message in a ring, padded to whole words behind it. */
struct ring_head {
	uint32_t size;
	uint32_t count;
	uint32_t cap[SYS_CAPS_MAX]; /* numbers of holds */
};

/** gate_open() - begin to use the memory of an end: map it; 0 or a negative errno */
int gate_open(sys_cap gate, unsigned side);

/** gate_begin() - the same where its memory is mapped already */
void gate_begin(struct object *gate, unsigned side);

/** gate_ring() - tell the peer that there is something */
void gate_ring(const struct object *gate);

/** gate_readable() - is there a message, or is the peer gone? */
bool gate_readable(const struct object *gate);

/** gate_writable() - is there room for any message, or is the peer gone? */
bool gate_writable(const struct object *gate);

/* How capabilities go along: the server offers and takes back, its peers fetch and return. */
struct gate_caps {
	/* Can any more be sent now? */
	bool (*room)(const struct object *gate);
	/* Make a cap ready to be sent; its number or a negative errno, -EAGAIN to be tried again.
	 */
	int (*put)(struct object *gate, sys_cap cap);
	/* It was not sent after all. */
	void (*cancel)(struct object *gate, unsigned number);
	/* Sent, and now the peer's. */
	void (*sent)(struct object *gate, sys_cap cap, unsigned number);
	/* Take what was sent; 0 or a negative errno. */
	int (*take)(struct object *gate, unsigned number, sys_cap *ret);
	/* Will its peer be rung later? NULL: never. */
	bool (*hold_ring)(const struct object *gate);
};

extern const struct gate_caps *gate_caps;
