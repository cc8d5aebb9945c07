/*
 * What a worker does with its activation: look at it, and end it.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

const struct mett_activation *mett_worker_activation(const struct mett_worker *worker)
{
	return &worker->activation;
}

const void *mett_worker_argument(const struct mett_worker *worker, size_t *size)
{
	*size = worker->argument_size;
	return worker->argument;
}

/* Can this worker still answer the client itself? */
static bool lane_open(const struct mett_worker *worker)
{
	return worker->by_lane && window_call_state(worker->call) == CALL_RUNNING &&
	       atomic_load(&worker->window->call) == worker->call;
}

int mett_worker_answer_space(struct mett_worker *worker, size_t size, void **ret)
{
	if (size > worker->payload_max)
		return -EMSGSIZE;
	mett_worker_space_drop(&worker->answer);
	if (size <= METT_INLINE_MAX) {
		*ret = worker->window->serve.answer;
	} else if (size <= WINDOW_ROOM && lane_open(worker)) {
		*ret = worker->window->room.answer;
	} else {
		int error = mett_worker_space_ask(worker, size, &worker->answer);
		if (error)
			return error;
		*ret = worker->answer.memory;
	}
	return 0;
}

static bool answer_fits(const struct mett_worker *worker, const void *answer, size_t size)
{
	if (answer == worker->answer.memory)
		return size <= worker->answer.size;
	return answer != worker->window->room.answer || size <= WINDOW_ROOM;
}

/* Bring the answer to where the server takes it from: the window, or else worker->answer. */
static int place_answer(struct mett_worker *worker, const void *answer, size_t size)
{
	struct worker_space *space = &worker->answer;

	if (size <= METT_INLINE_MAX) {
		if (size && answer != worker->window->serve.answer)
			memmove(worker->window->serve.answer, answer, size);
		mett_worker_space_drop(space);
		return 0;
	}
	if (answer != space->memory) {
		mett_worker_space_drop(space);
		int error = mett_worker_space_ask(worker, size, space);
		if (error)
			return error;
		memcpy(space->memory, answer, size);
	}
	mett_worker_space_unmap(space);
	return 0;
}

/* The server kills this process, or is gone itself. */
static __attribute__((noreturn)) void wait_for_end(void)
{
	sys_gate_wait(WORKER_GATE, 0, 0);
	mett_program_leave(0);
}

/* Answer the client itself. False: the server is to be told. */
static bool answer_by_lane(struct mett_worker *worker, const void *answer,
                           const struct message_exit *message)
{
	struct worker_window *window = worker->window;
	uint32_t running = worker->call;
	uint32_t answered = window_call(CALL_ANSWERED, running >> 2);
	size_t size = message->size;
	void *place = size > METT_INLINE_MAX ? window->room.answer : window->serve.answer;

	/* Whoever passes it on: the next call's answer may be as large. */
	window->reply = (struct window_reply){size, message->times};
	if (!lane_open(worker) || message->error || size > WINDOW_ROOM || !mett_program_silent())
		return false;
	if (size && answer != place)
		memmove(place, answer, size);
	if (!atomic_compare_exchange_strong(&window->call, &running, answered))
		return false;
	worker->serving = false;
	sys_word_wake(&window->call);
	/* The caller first: what an exit has to clean up can wait. */
	while (worker->stay)
		mett_program_rest(); /* until it is ended, with its caller */
	if (!worker->keep) {
		mett_program_make_way(&window->call, answered);
		mett_program_leave(0);
	}
	return true;
}

static void let_go(struct mett_worker *worker)
{
	mett_worker_space_drop(&worker->answer);
	sys_unmap(worker->argument_map, worker->argument_size);
	worker->argument_map = NULL;
}

int mett_worker_exit(struct mett_worker *worker, int error, const void *answer, size_t size,
                     const struct mett_metadata *times)
{
	struct message_exit message = {
		.header = {MESSAGE_EXIT, ++worker->tag},
		.error = error,
		.size = size,
		.times = *times,
	};

	/* The text of a failure is cut, and is no payload. */
	if (error && size >= METT_MESSAGE_MAX)
		message.size = METT_MESSAGE_MAX - 1;
	if ((!error && size > worker->payload_max) || !answer_fits(worker, answer, message.size))
		return -EMSGSIZE;
	if (!message.times.start_runtime)
		message.times.start_runtime = worker->start_ns;
	if (!message.times.end_runtime)
		message.times.end_runtime = sys_clock_ns();
	if (answer_by_lane(worker, answer, &message)) {
		let_go(worker);
		return 0;
	}
	int failed = place_answer(worker, answer, message.size);
	if (failed)
		return failed;
	/* From the moment it is sent the window is the server's. */
	worker->serving = false;
	mett_worker_send(&message, sizeof(message), &worker->answer.cap, worker->answer.size > 0);
	/*
	 * The server ends this process when it has taken the answer, which on a
	 * shared core would wait for all that an exit has to clean up.
	 */
	if (!worker->keep)
		wait_for_end();
	let_go(worker);
	return 0;
}

void mett_worker_signal(struct mett_worker *worker, int signal, int value)
{
	struct message_signal message = {
		.header = {.type = MESSAGE_SIGNAL},
		.signal = signal,
		.value = value,
	};

	if (!worker->serving)
		return;
	worker->serving = false;
	mett_worker_send(&message, sizeof(message), NULL, 0);
}

void mett_worker_note_memory(struct mett_worker *worker)
{
	atomic_fetch_or(&worker->window->notes, WINDOW_NOTE_MEMORY);
}
