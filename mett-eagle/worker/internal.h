#pragma once

/*
 * What the parts of the worker library share: the one worker of this process,
 * and how it talks to the server. All of it lives in the user's own process, so
 * every name that a linker sees has the prefix of the interface.
 */
#include <mett-eagle/worker.h>

#include "protocol/protocol.h"
#include "protocol/window.h"
#include "system/ipc.h"
#include "system/program.h"

#include <stdbool.h>

/* Where a program finds what it was given. */
enum {
	WORKER_LOG = 2, /* a stream */
	WORKER_GATE = 3,
	WORKER_WINDOW = 4,   /* of a program started as a worker; a zygote has none */
	WORKER_FUNCTION = 5, /* of a runtime: what it is to run */
};

/* Memory the server lent for a large answer or argument; no memory: none. */
struct worker_space {
	sys_cap cap;
	size_t size;
	void *memory;
};

struct mett_worker {
	struct worker_window *window;
	struct worker_window *callee; /* of a worker that it may call; NULL: none */
	uint32_t turn;                /* the last one served */
	uint32_t tag;                 /* of the last request */
	bool serving;                 /* woken, and the outcome not yet sent */
	bool by_lane;                 /* the client woke it, past the server */
	uint32_t call;                /* of the window */
	bool keep;                    /* park again afterwards */
	bool stay;                    /* wait to be ended afterwards */
	uint64_t payload_max;         /* in bytes */
	uint64_t start_ns;            /* woken */
	const void *argument;
	size_t argument_size;
	void *argument_map; /* what to unmap; NULL: the argument is in the window */
	struct worker_space answer;
	struct mett_activation activation;
};

/** mett_worker_serve_forks() - a zygote's life; returns in each child, as a worker with all it
 * needs */
void mett_worker_serve_forks(void);

/**
 * mett_worker_open_windows() - map this worker's window, and get ready to be woken
 * @callee: window of one it may call; SYS_NO_CAP: none. Both are closed.
 */
void mett_worker_open_windows(sys_cap window, sys_cap callee);

/** mett_worker_die() - end the process because of what it cannot go on with; the log says why */
__attribute__((noreturn)) void mett_worker_die(const char *why);

/** mett_worker_die_without_function() - the same: it is a runtime, and was given nothing to run */
__attribute__((noreturn)) void mett_worker_die_without_function(void);

/** mett_worker_send() - send one message; ends the process when there is nobody to take it */
void mett_worker_send(const void *message, size_t size, const sys_cap *caps, unsigned count);

/**
 * mett_worker_receive() - wait for the message that must come next
 * @type:    its type: the process ends when it is another
 * @message: memory for @size bytes
 * @ret:     size and capabilities, which are the caller's
 */
void mett_worker_receive(enum message_type type, void *message, size_t size,
                         struct sys_received *ret);

/**
 * mett_worker_space_ask() - borrow writable memory from the server
 * @size: in bytes
 * @ret:  the memory; give back with mett_worker_space_drop()
 *
 * Return: 0, -EMSGSIZE (the server gives none so large), -ENOMEM (here or there).
 */
int mett_worker_space_ask(struct mett_worker *worker, size_t size, struct worker_space *ret);

/** enum lane_outcome - of mett_worker_lane_call() */
enum lane_outcome {
	LANE_CALL_NONE, /* nobody is parked for this; ask the server */
	LANE_CALL_DONE, /* result is filled in */
	LANE_CALL_LATE, /* the outcome comes from the server, with worker->tag */
};

/** mett_worker_lane_call() - make a nested call past the server, if that can be, and wait */
enum lane_outcome mett_worker_lane_call(struct mett_worker *worker, const char *name,
                                        const void *argument, size_t size, uint64_t timeout_us,
                                        struct mett_result *result);

/** mett_worker_fail_result() - say why a nested call failed; @why is static */
void mett_worker_fail_result(struct mett_result *result, enum mett_reason reason, int32_t detail,
                             const char *name, const char *why);

/** mett_worker_keep_result() - copy answer and log into memory of its own; false: there is none */
bool mett_worker_keep_result(struct mett_result *result, const void *answer, size_t size,
                             const void *log, size_t log_size);

/** mett_worker_space_unmap() - what was written is complete; only then it can be sent */
void mett_worker_space_unmap(struct worker_space *space);

/** mett_worker_space_drop() - give it back; none is fine */
void mett_worker_space_drop(struct worker_space *space);
