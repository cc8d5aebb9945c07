/*
 * Nested invocations: a worker asks for another action of its namespace.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/call.h"

struct done {
	struct message_done fixed;
	char behind[METT_MESSAGE_MAX + METT_LOG_TAIL_MAX];
};

/* Put the argument where the server takes it from. Fills in @result when that fails. */
static bool place_argument(struct mett_worker *worker, const char *name, const void *argument,
                           size_t size, struct worker_space *space, struct mett_result *result)
{
	if (!mett_name_valid(name)) {
		mett_worker_fail_result(
			result, METT_BAD_ARGUMENT, 0, name,
			"not a name of an action; it has 1 to 64 of A-Z a-z 0-9 . _ -");
		return false;
	}
	if (!argument && size) {
		mett_worker_fail_result(result, METT_BAD_ARGUMENT, 0, name,
		                        "argument is NULL but its size is not 0");
		return false;
	}
	if (size <= METT_INLINE_MAX && size <= worker->payload_max) {
		if (size)
			memcpy(worker->window->nested.argument, argument, size);
		return true;
	}
	int error =
		size > worker->payload_max ? -EMSGSIZE : mett_worker_space_ask(worker, size, space);
	if (error == -EMSGSIZE)
		mett_worker_fail_result(
			result, METT_TOO_LARGE, (int32_t)worker->payload_max, name,
			"argument is larger than the server takes; see --max-payload");
	else if (error)
		mett_worker_fail_result(result, METT_NO_MEMORY, 0, name,
		                        "no memory for the argument");
	if (error)
		return false;
	memcpy(space->memory, argument, size);
	mett_worker_space_unmap(space);
	return true;
}

static bool take_answer(struct mett_worker *worker, const struct done *done,
                        const struct sys_received *received, struct mett_result *result)
{
	size_t size = done->fixed.size;
	void *source = worker->window->nested.answer, *mapped = NULL;

	if (size > METT_INLINE_MAX) {
		if (!received->cap_count || sys_map(received->caps[0], size, 0, &mapped) < 0)
			return false;
		source = mapped;
	}
	bool kept = mett_worker_keep_result(
		result, source, size, done->behind + done->fixed.text_size, done->fixed.log_size);
	sys_unmap(mapped, size);
	return kept;
}

static void take_done(struct mett_worker *worker, const char *name, const struct done *done,
                      const struct sys_received *received, struct mett_result *result)
{
	size_t text_size = done->fixed.text_size;

	if (received->size - sizeof(done->fixed) != text_size + done->fixed.log_size ||
	    done->fixed.header.tag != worker->tag)
		mett_worker_die("outcome of an invocation is malformed");
	result->metadata = done->fixed.times;
	result->activation = done->fixed.activation;
	result->error.reason = done->fixed.reason;
	result->error.detail = done->fixed.detail;
	if (text_size >= sizeof(result->error.message))
		text_size = sizeof(result->error.message) - 1;
	memcpy(result->error.message, done->behind, text_size);
	if (!take_answer(worker, done, received, result))
		mett_worker_fail_result(result, METT_NO_MEMORY, 0, name,
		                        "no memory for the answer");
}

/* Returns false when it failed here; the result says why. */
static bool ask_server(struct mett_worker *worker, const char *name, const void *argument,
                       size_t size, const struct mett_config *config, struct mett_result *result)
{
	struct worker_space space = {.cap = SYS_NO_CAP};

	if (!place_argument(worker, name, argument, size, &space, result))
		return false;
	struct message_invoke message = {
		.header = {MESSAGE_INVOKE, ++worker->tag},
		.config = config ? *config : (struct mett_config){0},
		.size = size,
		.flags = mett_call_possible(config) ? INVOKE_WANTS_LANES : 0,
	};
	message_name_set(&message.name, name);
	mett_worker_send(&message, sizeof(message), &space.cap, space.size > 0);
	mett_worker_space_drop(&space);
	return true;
}

/* Not part of its caller, which needs no page of stack for the message when it gets none. */
static __attribute__((noinline)) void hear_server(struct mett_worker *worker, const char *name,
                                                  struct mett_result *result)
{
	struct sys_received received;
	struct done done;

	mett_worker_receive(MESSAGE_DONE, &done, sizeof(done), &received);
	take_done(worker, name, &done, &received, result);
	sys_received_close(&received);
}

static int invoke(struct mett_worker *worker, const char *name, const void *argument, size_t size,
                  const struct mett_config *config, struct mett_result *result)
{
	enum lane_outcome outcome = LANE_CALL_NONE;

	*result = (struct mett_result){.answer = "", .log = ""};
	if (mett_call_possible(config) && name && (argument || !size))
		outcome = mett_worker_lane_call(worker, name, argument, size,
		                                mett_call_timeout(config), result);
	if (outcome == LANE_CALL_NONE && ask_server(worker, name, argument, size, config, result))
		outcome = LANE_CALL_LATE;
	if (outcome == LANE_CALL_LATE)
		hear_server(worker, name, result);
	return -mett_reason_errno(result->error.reason);
}

int mett_worker_invoke(struct mett_worker *worker, const char *name, const void *argument,
                       size_t size, const struct mett_config *config, struct mett_result *result)
{
	struct mett_result unwanted;

	if (result)
		return invoke(worker, name, argument, size, config, result);
	int error = invoke(worker, name, argument, size, config, &unwanted);
	mett_result_deinit(&unwanted);
	return error;
}
