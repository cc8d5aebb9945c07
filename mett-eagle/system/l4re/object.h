#pragma once

/*
 * What stands behind a sys_cap on L4Re: an entry of a table of the process, with the
 * kernel's capabilities it needs. Entries have holders; the last one to let go ends it.
 * See doc/design/l4re.md.
 */
#include "../loop.h"

#include <l4/sys/types.h>
#include <stdbool.h>

enum {
	HOLDS_MAX = 48,       /* capabilities that one peer has not taken yet, or may hand back */
	LENT_MAX = 320 << 20, /* bytes of memory that one peer has and may hand back */
};

enum object_kind {
	OBJECT_NONE,
	OBJECT_SPACE, /* memory, with two semaphores for those who sleep on words in it */
	OBJECT_GATE,  /* one end of a gate */
	OBJECT_END,   /* the peer's end of a gate, on its way there */
	OBJECT_DOOR,
};

enum hold_state { HOLD_NONE, HOLD_OFFERED, HOLD_LENT };

/* What a peer was sent, until it takes it; or what it may hand back. */
struct hold {
	enum hold_state state;
	sys_cap cap;
};

struct line; /* the server's side of a gate, see line.h */
struct gate_memory;

struct object {
	enum object_kind kind;
	l4_cap_idx_t space;
	l4_cap_idx_t bell[2]; /* of memory: semaphores; of a gate: to wait on, to ring */
	size_t size;
	void *memory;
	bool sealed;
	bool given;     /* its memory was mapped before the program began */
	bool shared;    /* memory that a client may read on: it ends with its last holder */
	bool foreign;   /* capabilities are another process's: not ours to delete */
	sys_cap origin; /* gate through which memory may be handed back; SYS_NO_CAP: none */
	unsigned hold;  /* its number there */
	/* gates */
	l4_cap_idx_t gate; /* kernel's own: to ask the server; of the server: to be asked */
	unsigned side;     /* which ring of the memory it writes to */
	uint32_t read;     /* position in the other, kept from the peer */
	uint32_t written;
	bool gone; /* the peer */
	struct line *line;
	sys_cap peer; /* of OBJECT_END: the gate it is the other end of */
};

/* As many as the program needs: a worker few, since they are cleared for each life anew. */
extern struct object objects[];
extern const sys_cap objects_max;

#define OBJECTS(count)                                                                             \
	struct object objects[count];                                                              \
	const sys_cap objects_max = count

/** objects_init() - before anything else here; does nothing the second time */
void objects_init(void);

/** object_new() - a new entry with one holder; 0 or -ENFILE */
int object_new(enum object_kind kind, sys_cap *ret);

/** object_adopt() - entry of this very number */
void object_adopt(enum object_kind kind, sys_cap cap);

/** object_hold() - one more holder; 0 or a negative errno */
int object_hold(sys_cap cap);

/** object_of() - the entry, if it is of this kind; or NULL */
struct object *object_of(sys_cap cap, enum object_kind kind);

/** objects_used() - number of entries in use */
size_t objects_used(void);

/** slot_new() - a free slot for a capability of the kernel; L4_INVALID_CAP: there is none */
l4_cap_idx_t slot_new(void);

/** slot_free() - give back one that is empty */
void slot_free(l4_cap_idx_t slot);

/** slots_used() - number of slots in use */
size_t slots_used(void);

/**
 * slots_drop() - give up capabilities, in one go, and free their slots
 * @destroy: also end the objects, wherever else they are known
 *
 * Invalid ones are skipped. The server does it later, in its reaper.
 */
void slots_drop(const l4_cap_idx_t *slots, unsigned count, bool destroy);

/** slots_drop_later - where slots_drop() leaves the work to; NULL: it does it itself */
extern void (*slots_drop_later)(const l4_cap_idx_t *slots, unsigned count, bool destroy);

/** slots_unmap() - what slots_drop() is about; waits until it is done */
void slots_unmap(const l4_cap_idx_t *slots, unsigned count, bool destroy);

/** gate_close() - an end of a gate has no holder any more */
void gate_close(struct object *gate);

/** line_free() - of the server's end; NULL is fine */
void line_free(struct line *line);

/** line_free_hook - set by the server's part, so that clients need not link it */
extern void (*line_free_hook)(struct line *line);
