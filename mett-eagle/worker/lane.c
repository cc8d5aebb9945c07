/*
 * Nested calls past the server: a worker wakes the one that was parked for it, and
 * sleeps until that has answered. Whatever is out of the ordinary is left to the server.
 */
#include "internal.h"

#include <string.h>

#include "call/call.h"

static bool claim(const struct mett_worker *worker, const char *name, uint32_t tag,
                  uint64_t *ret_word)
{
	struct window_callee *callee = &worker->window->callee;
	uint64_t armed = lane_word(LANE_ARMED, 0, 0, 0);

	if (!worker->callee ||
	    atomic_load_explicit(&callee->lane.word, memory_order_acquire) != armed ||
	    strncmp(callee->name, name, sizeof(callee->name)) != 0)
		return false;
	*ret_word = lane_word(LANE_CLAIMED, 0, 0, tag);
	return atomic_compare_exchange_strong(&callee->lane.word, &armed, *ret_word);
}

static void take_reply(struct mett_worker *worker, const char *name, uint64_t id, uint64_t start,
                       struct mett_result *result)
{
	const struct window_reply reply = worker->callee->reply; /* it can write on */
	const void *answer = mett_call_answer(worker->callee, reply.size);

	mett_call_times(&result->metadata, &reply.times, start);
	result->activation = id;
	if (!answer || reply.size > worker->payload_max)
		mett_worker_fail_result(
			result, METT_PROTOCOL, 0, name,
			"it broke the worker protocol (answer larger than it may be)");
	else if (!mett_worker_keep_result(result, answer, reply.size, NULL, 0))
		mett_worker_fail_result(result, METT_NO_MEMORY, 0, name,
		                        "no memory for the answer");
}

enum lane_outcome mett_worker_lane_call(struct mett_worker *worker, const char *name,
                                        const void *argument, size_t size, uint64_t timeout_us,
                                        struct mett_result *result)
{
	struct window_lane *lane = &worker->window->callee.lane;
	uint32_t tag = ++worker->tag;
	uint64_t word, id, start;

	if (size > WINDOW_ROOM || size > worker->payload_max || !claim(worker, name, tag, &word))
		return LANE_CALL_NONE;
	id = mett_call_begin(lane, worker->callee, &word, argument, size, timeout_us);
	if (!id)
		return LANE_CALL_NONE;
	start = worker->callee->start_ns;
	if (mett_call_wait(worker->callee, tag)) {
		take_reply(worker, name, id, start, result);
		if (mett_call_end(lane, worker->callee, word, lane_word(LANE_USED, 0, 0, 0)))
			return LANE_CALL_DONE;
		mett_result_deinit(result);
		*result = (struct mett_result){.answer = "", .log = ""};
	}
	/* Also when the server has seen to it already: the callee could have made us believe so. */
	struct message_claim message = {
		.header = {MESSAGE_CLAIM, tag},
		.timeout_us = timeout_us,
	};
	mett_worker_send(&message, sizeof(message), NULL, 0);
	return LANE_CALL_LATE;
}
