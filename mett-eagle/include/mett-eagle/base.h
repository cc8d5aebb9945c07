#pragma once

/*
 * Base interface: what clients and workers both can do, which is to invoke an
 * action. Here is what goes along with an invocation; the calls themselves are
 * in client.h and worker.h.
 */
#include "common.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct mett_config - limits of one activation
 * @memory_limit: private writable memory of the worker in bytes; 0: the action's
 *                default, and without one no limit but the server's
 * @timeout_us:   time from the arrival of the invocation to its answer, in
 *                microseconds; 0: the action's default, and without one no limit
 *
 * Given with an invocation, each field that is not 0 replaces the action's default.
 */
struct mett_config {
	uint64_t memory_limit;
	uint64_t timeout_us;
};

/**
 * struct mett_metadata - when an activation did what
 *
 * Nanoseconds on CLOCK_MONOTONIC, never decreasing from top to bottom; 0 where
 * an activation failed before it got there.
 */
struct mett_metadata {
	uint64_t start_worker;   /* server begins to give a worker to the invocation */
	uint64_t start_runtime;  /* worker runs */
	uint64_t start_function; /* function is entered */
	uint64_t end_function;   /* function returned */
	uint64_t end_runtime;    /* runtime hands the answer over */
	uint64_t end_worker;     /* answer and log are taken: nothing the worker does counts now */
};

/**
 * struct mett_error - why a call failed, for people and for programs
 * @reason:  what kind of failure
 * @detail:  number that goes with the reason, see enum mett_reason; else 0
 * @message: a sentence that names the object, the reason and what to do
 */
struct mett_error {
	enum mett_reason reason;
	int32_t detail;
	char message[METT_MESSAGE_MAX];
};

/**
 * struct mett_result - outcome of one invocation
 * @answer:     bytes of the answer; not NULL even if it is empty; the byte behind
 *              the last is 0, which is not counted
 * @answer_size: in bytes
 * @metadata:   times
 * @activation: id of the activation, unique within the server's life; 0: never began
 * @error:      METT_OK and "", or why there is no answer
 * @log:        end of what the function wrote to stdout and stderr, zero-terminated;
 *              "" when it wrote nothing
 * @log_size:   in bytes
 *
 * Owned by the caller once filled in; give back with mett_result_deinit().
 */
struct mett_result {
	const void *answer;
	size_t answer_size;
	struct mett_metadata metadata;
	uint64_t activation;
	struct mett_error error;
	const char *log;
	size_t log_size;
	void *memory; /* private: what answer and log point into */
	size_t memory_size;
};

/** mett_result_deinit() - give back what a filled-in result owns; a zeroed one is fine too */
METT_EXPORT void mett_result_deinit(struct mett_result *result);

#ifdef __cplusplus
}
#endif
