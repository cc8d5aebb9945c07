#pragma once

/*
 * Activation records, on their way from the server to the recorder: a ring of memory for each
 * session, shared by both. The session alone writes records and `head`, the recorder alone
 * `tail`, both `asleep`. Neither believes the other: the server only compares `tail` with a head of
 * its own, and reads nothing else; the recorder copies a record before it looks at its sizes.
 */
#include <mett-eagle/base.h>

#include <stdatomic.h>

enum {
	RECORD_ROOM = 1 << 20,     /* bytes of records in a ring */
	RECORD_LOG_MAX = 16 << 10, /* of an activation's log */
	RECORD_ALIGN = 8,          /* each record's size is a multiple of that */
};

enum record_kind {
	RECORD_NOTHING, /* up to the ring's end: the next one is at its beginning */
	RECORD_OUTCOME, /* struct record */
	RECORD_MEMORY,  /* struct record_memory */
};

struct record_header {
	uint32_t size; /* of all, in bytes */
	uint32_t kind;
};

/* An activation came to its end. Behind it text_size bytes of error, and log_size of log. */
struct record {
	struct record_header header;
	uint64_t id;
	uint64_t parent; /* activation that invoked it; 0: a client did */
	uint64_t calls;  /* 1; or so many, of which nothing is known but the id of the last */
	uint64_t memory; /* most that was resident; 0: comes by struct record_memory, or never */
	struct mett_metadata times;
	uint32_t version; /* of the action */
	uint32_t depth;
	uint32_t reason; /* enum mett_reason */
	int32_t detail;
	uint32_t text_size;
	uint32_t log_size;
	char action[METT_NAME_MAX + 8];
	char caller[METT_NAME_MAX + 8]; /* the parent's action; "": a client */
};

/* The process that served an activation is gone. */
struct record_memory {
	struct record_header header;
	uint64_t id;
	uint64_t memory;
};

struct record_ring {
	_Atomic uint64_t head;    /* bytes ever written */
	_Atomic uint64_t dropped; /* records there was no room for */
	_Atomic uint32_t closed;  /* 1: nobody writes any more */
	_Alignas(64) _Atomic uint64_t tail;
	/*
	 * The recorder says so, looks once more, and waits for a message. Who finds it 1 clears it
	 * and sends one.
	 */
	_Atomic uint32_t asleep;
	_Alignas(4096) unsigned char data[RECORD_ROOM];
};

/* Copy of any record; text and log follow the fixed part. */
union record_copy {
	struct record_header header;
	struct record outcome;
	struct record_memory memory;
	unsigned char room[sizeof(struct record) + METT_MESSAGE_MAX + RECORD_LOG_MAX];
};

/**
 * record_take() - copy the record that is next
 * @ring: mapped, of its full size
 * @tail: where to read on; moved behind the record
 * @ret:  its sizes are right, its names zero-terminated
 *
 * Return: 1, 0 when there is none, or -EPROTO: the ring holds what is no record.
 */
int record_take(const struct record_ring *ring, uint64_t *tail, union record_copy *ret);
