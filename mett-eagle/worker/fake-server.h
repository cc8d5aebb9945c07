#pragma once

/*
 * For tests: the server's part towards one program, without a sandbox. Whatever
 * goes otherwise than it must fails the test.
 */
#include "protocol/protocol.h"
#include "protocol/window.h"
#include "system/ipc.h"

#include <sys/types.h>

/* A program as it runs, and the server's ends of what it was given. */
struct fake_process {
	pid_t pid;
	sys_cap gate;
	sys_cap log;                  /* to read from */
	struct worker_window *window; /* NULL: a zygote */
};

/* A message from the program, of any type. */
struct fake_message {
	union {
		struct message_header header;
		struct message_exit exit;
		struct message_signal signal;
		struct message_invoke invoke;
		struct message_dataspace dataspace;
		struct message_forked forked;
		struct message_unbuilt unbuilt;
		char bytes[MESSAGE_MAX];
	};
	struct sys_received received;
};

/* Starts @path as "zygote" or "worker"; does not wait until it is up. */
void fake_start(struct fake_process *ret, const char *path, const char *role);

/* Starts it as a runtime: with a dataspace that it is to run; SYS_NO_CAP: with none. */
void fake_start_runtime(struct fake_process *ret, const char *path, const char *role,
                        sys_cap function);

/* Has @zygote fork a worker, whose place is not kept. */
void fake_fork(const struct fake_process *zygote, struct fake_process *ret);

/* Has @zygote furnish a seat, and fork a worker for it. */
void fake_furnish(const struct fake_process *zygote, uint32_t seat, struct fake_process *ret);

/* Has @zygote fork for furnished seats whose workers have ended: @ret has the ends of theirs. */
void fake_fork_again(const struct fake_process *zygote, const uint32_t *seats, unsigned count,
                     struct fake_process *ret);

/* Kills a worker, and keeps the ends of its seat. */
void fake_kill(const struct fake_process *process);

/* Takes the next message, which must be lawful and of @type; its caps are the caller's. */
void fake_receive(const struct fake_process *process, enum message_type type,
                  struct fake_message *ret);

/* The program must have hung up without another word. */
void fake_expect_closed(const struct fake_process *process);

/* Gives a worker an activation, and wakes it. */
void fake_wake(const struct fake_process *worker, const void *argument, size_t size, int keep);

/* Answers a DATASPACE, which must be the next message; @ret may be NULL. */
void fake_lend(const struct fake_process *process, size_t size, sys_cap *ret);

/* Answers an INVOKE. */
void fake_done(const struct fake_process *process, const struct fake_message *invoke,
               enum mett_reason reason, const char *text, const void *answer, size_t size);

/* Takes an EXIT with these in it. */
void fake_expect_exit(const struct fake_process *process, int error, const void *answer,
                      size_t size);

/* Takes a SIGNAL with these in it. */
void fake_expect_signal(const struct fake_process *process, int signal, int value);

/* Waits for the end, which must be an exit with @code; frees everything. */
void fake_end(struct fake_process *process, int code);

/* The same, for an end by a signal. */
void fake_end_by_signal(struct fake_process *process, int signal);

/* What was written to the log up to now, zero-terminated; static. */
const char *
fake_log(const struct fake_process *process); /** fake_hang_up() - send nothing any more; a worker
                                                 that has answered then ends by itself */
void fake_hang_up(const struct fake_process *process);
