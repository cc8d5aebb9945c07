#pragma once

/*
 * Recorder: the client that keeps what became of activations, see protocol/record.h. There
 * is one at most. Nobody here waits for it or reads what it writes, but for a number that is
 * only compared: without it, or with one that is stuck or goes mad, records are lost, and
 * nothing else.
 */
#include <system/loop.h>

#include <stdbool.h>

#include <protocol/protocol.h>
#include <protocol/record.h>

struct server;
struct session;

/* The server's side; the main thread's, but for what is said. */
struct recorder {
	struct server *server;
	struct sys_watch watch;
	sys_cap gate;                /* SYS_NO_CAP: there is none. Under the server's mutex */
	_Atomic uint32_t generation; /* how many recorders there have been */
	uint64_t started_ns;         /* tells this server's ids from another's */
};

/* The session's side, its thread's. Outlives the recorder: the next one reads on in it. */
struct ring {
	struct record_ring *memory; /* NULL: nothing is recorded */
	sys_cap cap;
	uint64_t head;       /* what the shared one was set to last */
	uint32_t generation; /* of the recorder that has it; 0: none */
	uint64_t retry_ns;   /* it could not be given; not before then */
	bool over;           /* there will be no other */
};

/** recorder_init() - there is none */
void recorder_init(struct recorder *recorder, struct server *server);

/** recorder_deinit() - all sessions are gone */
void recorder_deinit(struct recorder *recorder);

/**
 * recorder_register() - answer somebody who would be the recorder
 * @gate: the recorder's from now on, if it returns true
 *
 * Return: false when it was refused.
 */
bool recorder_register(struct recorder *recorder, sys_cap gate,
                       const struct message_record *message);

/** recorder_leave() - the server ends: as if it had left */
void recorder_leave(struct recorder *recorder);

/** recorder_generation() - how many there have been; from any thread */
uint32_t recorder_generation(const struct server *server);

/** ring_init() - of a session that has recorded nothing */
void ring_init(struct ring *ring);

/** ring_offer() - see that the present recorder has the ring of this session */
void ring_offer(struct session *session);

/** ring_close() - nothing more will be recorded */
void ring_close(struct session *session);

/** ring_end() - the same for good: its namespace is no more, and the name perhaps another's */
void ring_end(struct session *session);

/**
 * ring_claim() - room for a record of @size bytes, a multiple of RECORD_ALIGN; the ring has memory
 *
 * Return: where to write it, or NULL: there is none, which was counted.
 */
void *ring_claim(struct ring *ring, size_t size);

/** ring_publish() - that record, of @size bytes, is written; wakes a recorder that sleeps */
void ring_publish(struct session *session, size_t size);
