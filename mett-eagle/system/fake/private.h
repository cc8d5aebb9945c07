#pragma once

/* What the parts of the fake system know of each other. One lock guards it all. */
#include "fake.h"

#include <pthread.h>
#include <stdbool.h>

enum object_kind { OBJECT_GATE, OBJECT_DATASPACE, OBJECT_DOOR };

/* Message on its way; it holds what it carries. */
struct packet {
	struct packet *next;
	struct object *carried[SYS_CAPS_MAX];
	unsigned count;
	size_t size;
	unsigned char data[];
};

/* What a capability names. Lives while a capability, a packet or a map holds it. */
struct object {
	enum object_kind kind;
	unsigned holders;
	struct object *peer;               /* of a gate; NULL: closed */
	struct packet *queue, **queue_end; /* of a gate: to read; of a door: who knocks */
	unsigned queued;
	int broken_send, broken_recv; /* of a gate: what its next call returns */
	void *memory;                 /* of a dataspace */
	size_t size;                  /* what it is said to have */
	size_t mapped;                /* of its memory; 0: it is malloc()'s */
	unsigned writers;
	bool sealed;
};

/* Something a loop looks at. */
struct source {
	struct source *next;
	bool (*is_ready)(struct source *source);
	void (*run)(struct source *source); /* called without the lock */
	bool due;                           /* in this round */
};

struct fake {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct object *caps[FAKE_CAPS_MAX];
	unsigned room;
	uint64_t now_ns;
	bool threads;
	bool automatic;
	bool launcher_busy;
	uint32_t user; /* of whoever knocks */
	unsigned maps;
	unsigned loops;
	int door_error;
	int fail_after; /* negative: never */
	bool failed;
};

extern struct fake fake;

/* These four expect the lock. */
struct object *fake_object(sys_cap cap);
sys_cap fake_name(struct object *object); /* takes over one hold; SYS_NO_CAP: table is full */
bool fake_readable(const struct object *object);
bool fake_writable(const struct object *object);

void fake_lock(void);
void fake_unlock(void); /* and whoever waits looks again */

/* 1 when this call is the one to fail. */
bool fake_fails(void);

/* Memory of the fake's own, zeroed, which does not fail. */
void *fake_alloc(size_t size);

/* The same for a dataspace, aligned to pages. */
void fake_pages(struct object *dataspace, size_t size);
void fake_pages_free(struct object *dataspace);

/* For the lock's holder. */
void fake_source_add(struct sys_loop *loop, struct source *source);
void fake_source_remove(struct sys_loop *loop, struct source *source);

/* The sandboxes' part of fake_left(), and of sys_word_wake(). */
unsigned fake_processes_left(void);
void fake_processes_wake(const _Atomic uint32_t *word);
