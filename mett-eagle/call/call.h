#pragma once

/*
 * A call past the server, from the side of who makes it: a client, or a worker that
 * calls another. Who may make it is settled by the lane's word, see protocol/window.h.
 */
#include <protocol/window.h>

#include <stdbool.h>

/** mett_call_possible() - with these limits, or NULL? Only the server can bound a worker's memory
 */
static inline bool mett_call_possible(const struct mett_config *config)
{
	return !config || !config->memory_limit;
}

/** mett_call_timeout() - its own time limit in microseconds; 0: it has none */
static inline uint64_t mett_call_timeout(const struct mett_config *config)
{
	return config ? config->timeout_us : 0;
}

/**
 * mett_call_begin() - wake the worker of a lane that is claimed
 * @lane:       where the lane's word is
 * @window:     the worker's
 * @word:       what the claim made of it; in the end, what it is now
 * @argument:   up to WINDOW_ROOM bytes
 * @timeout_us: its own time limit; 0: the action's
 *
 * Return: the activation's id; 0: the server was quicker, and there is none.
 */
uint64_t mett_call_begin(struct window_lane *lane, struct worker_window *window, uint64_t *word,
                         const void *argument, size_t size, uint64_t timeout_us);

/**
 * mett_call_wait() - sleep until the worker has answered
 * @tag: of the claim
 *
 * Return: true; or false when the server is to see to it, as the call takes long, or as
 * something happened to the worker.
 */
bool mett_call_wait(struct worker_window *window, uint32_t tag);

/** mett_call_answer() - where an answer of so many bytes lies; NULL: it is larger than it may be */
const void *mett_call_answer(const struct worker_window *window, uint64_t size);

/**
 * mett_call_end() - the answer has been taken
 * @window: where the worker sees that it is out of the caller's way when it ends
 * @word:   of the call
 * @next:   what it becomes; the client of a worker that serves on arms it again
 *
 * Return: false when the server has seen to this call meanwhile, whatever the worker
 * said: the outcome is what comes from there.
 */
bool mett_call_end(struct window_lane *lane, struct worker_window *window, uint64_t word,
                   uint64_t next);

/** mett_call_times() - the worker's own times, within what the caller has seen itself */
void mett_call_times(struct mett_metadata *ret, const struct mett_metadata *told,
                     uint64_t start_ns);
