/*
 * What a worker does with its activation: look at it, and end it.
 */
#include "internal.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

const struct mett_activation *mett_worker_activation(const struct mett_worker *worker)
{
	return &worker->activation;
}

const void *mett_worker_argument(const struct mett_worker *worker, size_t *size)
{
	*size = worker->argument_size;
	return worker->argument;
}

int mett_worker_answer_space(struct mett_worker *worker, size_t size, void **ret)
{
	if (size > worker->payload_max)
		return -EMSGSIZE;
	mett_worker_space_drop(&worker->answer);
	if (size > METT_INLINE_MAX) {
		int error = mett_worker_space_ask(worker, size, &worker->answer);
		if (error)
			return error;
	}
	*ret = worker->answer.size ? worker->answer.memory : worker->window->serve.answer;
	return 0;
}

/* Bring the answer to where it leaves from: the window, or else worker->answer. */
static int place_answer(struct mett_worker *worker, const void *answer, size_t size)
{
	struct worker_space *space = &worker->answer;
	void *place;

	if (answer == space->memory && size > space->size)
		return -EMSGSIZE;
	if (size <= METT_INLINE_MAX) {
		if (size && answer != worker->window->serve.answer)
			memmove(worker->window->serve.answer, answer, size);
		mett_worker_space_drop(space);
		return 0;
	}
	if (answer != space->memory) {
		int error = mett_worker_answer_space(worker, size, &place);
		if (error)
			return error;
		memcpy(place, answer, size);
	}
	mett_worker_space_unmap(space);
	return 0;
}

/* Nothing in it that only the server can pass on? */
static bool log_empty(void)
{
	int size;

	return ioctl(WORKER_LOG, FIONREAD, &size) == 0 && size == 0;
}

/* Answer the client itself. False: the server is to be told. */
static bool answer_by_lane(struct mett_worker *worker, const struct message_exit *message)
{
	struct worker_window *window = worker->window;
	uint32_t running = worker->call;
	uint32_t answered = window_call(CALL_ANSWERED, running >> 2);

	if (window_call_state(running) != CALL_RUNNING || message->error || worker->answer.size ||
	    !log_empty())
		return false;
	window->reply = (struct window_reply){message->size, message->times};
	if (!atomic_compare_exchange_strong(&window->call, &running, answered))
		return false;
	worker->serving = false;
	sys_word_wake(&window->call);
	if (!worker->keep) {
		/* The client first: what an exit has to clean up can wait. */
		sched_yield();
		mett_worker_leave(0);
	}
	return true;
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
	if (!error && size > worker->payload_max)
		return -EMSGSIZE;
	int failed = place_answer(worker, answer, message.size);
	if (failed)
		return failed;
	if (!message.times.start_runtime)
		message.times.start_runtime = worker->start_ns;
	if (!message.times.end_runtime)
		message.times.end_runtime = sys_clock_ns();
	if (answer_by_lane(worker, &message)) {
		sys_unmap(worker->argument_map, worker->argument_size);
		worker->argument_map = NULL;
		return 0;
	}
	/* From the moment it is sent the window is the server's. */
	worker->serving = false;
	mett_worker_send(&message, sizeof(message), &worker->answer.cap, worker->answer.size > 0);
	/*
	 * The server ends this process when it has taken the answer, which on a
	 * shared core would wait for all that an exit has to clean up.
	 */
	if (!worker->keep) {
		sys_gate_wait(WORKER_GATE, 0, 0);
		mett_worker_leave(0);
	}
	mett_worker_space_drop(&worker->answer);
	sys_unmap(worker->argument_map, worker->argument_size);
	worker->argument_map = NULL;
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
