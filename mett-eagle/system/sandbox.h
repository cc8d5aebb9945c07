#pragma once

/*
 * Sandboxes, and the workers in them: what the manager orders, the world makes.
 *
 * A sandbox holds one zygote and the workers forked from it, or one worker that
 * was started by itself. Everything here happens without waiting: what comes of
 * it is told to a handler, by the loop of the thread that ordered it.
 */
#include "loop.h"

#include <protocol/window.h>

struct sys_host; /* what the world set up before the server began; see its main() */
struct sys_sandbox;
struct sys_worker;

/**
 * struct sys_program - what to start; copied, but for the capability, which stays valid
 * @name:      of the action
 * @dataspace: of the program
 * @language:  what the dataspace is: METT_LANGUAGE_BINARY is started as it is, for
 *             another the world has a runtime, which gets it; or fails to start, and says why
 * @grants:    enum mett_grant: what its root holds besides the runtime's own files
 * @core:      to run on, with all that it forks
 * @environment: lawful, see environment_valid(); it and its workers see nothing of any other
 * @environment_size: in bytes, up to METT_ENVIRONMENT_MAX
 */
struct sys_program {
	const char *name;
	sys_cap dataspace;
	enum mett_language language;
	uint32_t grants;
	unsigned core;
	const char *environment;
	size_t environment_size;
};

enum { SYS_LOG_MAX = 16 << 10 };

enum {
	SYS_SIGNAL_KILLED = 9,     /* ended from outside */
	SYS_SIGNAL_FORBIDDEN = 31, /* ended for a system call its sandbox forbids */
};

/**
 * struct sys_exit - how a process ended: by a signal, or else with a code
 * @memory: most memory that it, or one it waited for, had resident at a time, in bytes; of a
 *          forked one with what it shared with its zygote; 0: not known
 */
struct sys_exit {
	int signal;
	int code;
	uint64_t memory;
};

/** struct sys_sandbox_handler - each may free the sandbox */
struct sys_sandbox_handler {
	/* Its turn has come among all that are to be started: the program begins. */
	void (*begun)(void *owner);
	/* Zygote is up; workers can be forked now. */
	void (*ready)(void *owner);
	/* Zygote did not come up, or is gone. Says why; valid during the call. Last call. */
	void (*failed)(void *owner, const char *why);
};

/** struct sys_worker_handler - each may free the worker */
struct sys_worker_handler {
	/* As a sandbox's; of one that is spawned. */
	void (*begun)(void *owner);
	/* Worker sleeps on its window. */
	void (*parked)(void *owner);
	/* Worker could not be made. Says why; valid during the call. Last call. */
	void (*failed)(void *owner, const char *why);
	/* Its gate has messages, to be taken with sys_gate_recv(). */
	void (*readable)(void *owner);
	/* Worker has ended; what it sent may still be in the gate. Last call. */
	void (*ended)(void *owner, const struct sys_exit *how);
};

/**
 * sys_sandbox_new() - begin to make a sandbox with a zygote
 *
 * Return: 0, then begun() and ready(), or failed() follows; or a negative errno.
 */
int sys_sandbox_new(struct sys_host *host, struct sys_loop *loop, const struct sys_program *program,
                    const struct sys_sandbox_handler *handler, void *owner,
                    struct sys_sandbox **ret);

/** sys_sandbox_free() - end all processes in it; free its workers first. NULL is fine. */
void sys_sandbox_free(struct sys_sandbox *sandbox);

/**
 * struct sys_window - a worker's window; the manager's, who keeps it until the worker is gone
 *
 * Another worker of the same sandbox may have it next. What it will find at hand
 * then is kept in `seat`, which is NULL at first.
 */
struct sys_window {
	sys_cap cap;
	sys_cap callee; /* of another window that its worker gets too; SYS_NO_CAP: none */
	struct worker_window *memory;
	struct sys_seat *seat;
};

/**
 * sys_window_vacate() - what is at hand for its next worker is made anew
 *
 * When `callee` has changed, and before the sandbox is freed.
 */
void sys_window_vacate(struct sys_window *window);

/**
 * sys_worker_fork() - begin to make a worker from a zygote that is ready
 *
 * Those ordered before the loop waits again are made together.
 *
 * The worker can start neither processes nor threads.
 *
 * Return: 0, then parked() or failed() follows; or a negative errno.
 */
int sys_worker_fork(struct sys_sandbox *sandbox, struct sys_window *window,
                    const struct sys_worker_handler *handler, void *owner, struct sys_worker **ret);

/**
 * sys_worker_spawn() - begin to make a worker in a sandbox of its own
 *
 * The worker can start threads, up to METT_WORKER_THREADS_MAX; one of the languages exec
 * and actionloop also processes. They all end with it.
 *
 * Return: 0, then begun() and parked(), or failed() follows; or a negative errno.
 */
int sys_worker_spawn(struct sys_host *host, struct sys_loop *loop,
                     const struct sys_program *program, struct sys_window *window,
                     const struct sys_worker_handler *handler, void *owner,
                     struct sys_worker **ret);

/** sys_worker_free() - end it, if it has not ended, and let go of it; NULL is fine */
void sys_worker_free(struct sys_worker *worker);

/**
 * sys_worker_kill() - end it, when those who wait for its core have had their turn
 *
 * ended() follows. Does nothing the second time.
 */
void sys_worker_kill(struct sys_worker *worker);

/** sys_worker_ignore() - no readable() any more */
void sys_worker_ignore(struct sys_worker *worker);

/**
 * sys_worker_limit() - bound its private writable memory
 * @bytes: 0: no limit but the host's
 *
 * Return: the limit in force in bytes, or 0 when there is none.
 */
uint64_t sys_worker_limit(struct sys_worker *worker, uint64_t bytes);

/**
 * sys_worker_memory() - most memory it has had resident so far, as struct sys_exit has it
 *
 * Takes its time: not on the path of an invocation. 0: not known.
 */
uint64_t sys_worker_memory(const struct sys_worker *worker);

/** sys_worker_attend() - it serves: what it logs is taken in from now on, its end told at once */
void sys_worker_attend(struct sys_worker *worker);

/** sys_worker_window() - its window */
struct worker_window *sys_worker_window(struct sys_worker *worker);

/** sys_worker_gate() - its gate, to receive from; valid until sys_worker_free() */
sys_cap sys_worker_gate(struct sys_worker *worker);

/** sys_worker_send() - as sys_gate_send() to its gate, with @cap unless that is SYS_NO_CAP */
int sys_worker_send(struct sys_worker *worker, const void *data, size_t size, sys_cap cap);

/**
 * sys_worker_log() - end of what it wrote to its standard streams
 * @ret: valid until the next call for this worker
 *
 * Return: number of bytes, at most SYS_LOG_MAX.
 */
size_t sys_worker_log(struct sys_worker *worker, const char **ret);

/**
 * sys_worker_log_reset() - forget what it wrote so far
 *
 * What it writes from now on waits for sys_worker_attend(): where it has served
 * without us, it must find there what it wrote, to tell us of it.
 */
void sys_worker_log_reset(struct sys_worker *worker);
