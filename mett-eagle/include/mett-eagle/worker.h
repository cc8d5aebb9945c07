#pragma once

/*
 * Worker interface: for authors of runtimes. A program that the server starts
 * finds itself in a sandbox as a zygote (it will be forked once per activation)
 * or as a worker at once; its runtime does the same in both cases:
 *
 *	struct mett_worker *worker;
 *	... whatever need be done only once ...
 *	mett_worker_park(&worker);          // in a fresh process for each activation
 *	argument = mett_worker_argument(worker, &size);
 *	... run the function ...
 *	mett_worker_exit(worker, ...);
 *
 * Function authors use faas.h instead, which rests on this.
 */
#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mett_worker;

/** struct mett_activation - what a worker may know of the activation it serves */
struct mett_activation {
	uint64_t id;           /* unique within the server's life */
	uint64_t deadline_ns;  /* CLOCK_MONOTONIC; 0: none */
	uint64_t memory_limit; /* bytes; 0: none but the server's */
	char name[METT_NAME_MAX + 1];
};

/**
 * mett_worker_fail_start() - tell the server that this program cannot serve
 * @message: why; reaches the client as the text of METT_NO_START
 *
 * Does not return.
 */
METT_EXPORT __attribute__((noreturn)) void mett_worker_fail_start(const char *message);

/**
 * mett_worker_function() - for the runtime of a language: what it is to run
 * @size: in bytes
 *
 * Readable, for the process's life, and the same in all that are forked from it.
 * Call it before mett_worker_park(), once. Ends the process when it was given nothing.
 */
METT_EXPORT const void *mett_worker_function(size_t *size);

/**
 * mett_worker_function_fd() - the same as a descriptor, to be read with pread() or executed
 *
 * The caller's, closed on exec. Call it before mett_worker_park(), once, and in place of
 * mett_worker_function(). Ends the process when it was given nothing.
 */
METT_EXPORT int mett_worker_function_fd(void);

/**
 * mett_worker_park() - say that the program is up; return with work
 * @ret: worker; valid for the rest of this process's life
 *
 * In a zygote this returns in forked children only, once in each; under the
 * policy `reuse` mett_worker_exit() makes it possible to call it again. Blocks
 * until there is an activation. Ends the process when the server is gone.
 * Call it from the only thread of the process. A zygote's descriptors from 64 up are
 * the library's.
 */
METT_EXPORT void mett_worker_park(struct mett_worker **ret);

/**
 * mett_worker_prepare() - have something done in each process before it waits for its activation
 * @prepare: called by mett_worker_park(), ahead of demand, while nobody waits; it can do what
 *           the process will need, but not yet know what for
 *
 * Call it before mett_worker_park(). What is written there for the first time need not
 * be copied when the activation comes.
 */
METT_EXPORT void mett_worker_prepare(void (*prepare)(void));

/** mett_worker_activation() - what is being served; valid until mett_worker_exit() */
METT_EXPORT const struct mett_activation *mett_worker_activation(const struct mett_worker *worker);

/**
 * mett_worker_argument() - the argument; readable, not writable, until mett_worker_exit()
 * @size: in bytes
 *
 * Never NULL. Without a terminating zero.
 */
METT_EXPORT const void *mett_worker_argument(const struct mett_worker *worker, size_t *size);

/**
 * mett_worker_answer_space() - memory for an answer
 * @size: in bytes
 * @ret:  at least that much memory, which mett_worker_exit() takes without copying;
 *        a second call gives back the first's
 *
 * Return: 0, -EMSGSIZE when the server takes no answer so large, -ENOMEM.
 */
METT_EXPORT int mett_worker_answer_space(struct mett_worker *worker, size_t size, void **ret);

/**
 * mett_worker_exit() - hand the outcome over; the process has then done its work
 * @error:  0, or the code the function reports (positive)
 * @answer: answer, or with an error its text; memory of mett_worker_answer_space()
 *          is passed on, other memory is copied
 * @size:   in bytes
 * @times:  start_runtime, start_function, end_function and end_runtime are
 *          sent, except that a start_runtime or end_runtime of 0 is filled in here
 *
 * Return: only under the policy `reuse`, and then 0: call mett_worker_park() next.
 * -EMSGSIZE when the answer is too large, -ENOMEM when the server has no memory to pass
 * it on in: nothing was sent, exit with an error instead.
 */
METT_EXPORT int mett_worker_exit(struct mett_worker *worker, int error, const void *answer,
                                 size_t size, const struct mett_metadata *times);

/**
 * mett_worker_signal() - tell the server that the function ended without an answer
 * @signal: number of the signal that would have ended it, or 0 for an exit
 * @value:  exit code, when @signal is 0
 *
 * Call _exit() next: the server believes the first word it gets. Async-signal-safe.
 */
METT_EXPORT void mett_worker_signal(struct mett_worker *worker, int signal, int value);

/** mett_worker_note_memory() - remember that memory ran out; async-signal-safe
 *
 * If the process then ends without an answer the server reports METT_OUT_OF_MEMORY.
 */
METT_EXPORT void mett_worker_note_memory(struct mett_worker *worker);

/**
 * mett_worker_invoke() - invoke an action of the same namespace and wait
 *
 * As mett_action_invoke(), for a worker. The result's memory is from malloc or mmap.
 */
METT_EXPORT int mett_worker_invoke(struct mett_worker *worker, const char *name,
                                   const void *argument, size_t size,
                                   const struct mett_config *config, struct mett_result *result);

#ifdef __cplusplus
}
#endif
