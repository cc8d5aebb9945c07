/*
 * One call, one process: the argument is its input, what it prints the answer.
 */
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct environment environment;

static void make_environment(const struct mett_activation *activation)
{
	environment_begin(&environment);
	environment_add(&environment, "METT_ACTION", "%s", activation->name);
	environment_add(&environment, "METT_ACTIVATION", "%llu",
	                (unsigned long long)activation->id);
	if (activation->deadline_ns)
		environment_add(&environment, "METT_DEADLINE_NS", "%llu",
		                (unsigned long long)activation->deadline_ns);
	if (activation->memory_limit)
		environment_add(&environment, "METT_MEMORY_LIMIT", "%llu",
		                (unsigned long long)activation->memory_limit);
}

static void tell_outcome(struct mett_worker *worker, int status, const struct buffer *answer,
                         const struct mett_metadata *times)
{
	static const char silent[] = "it printed no reason; its log may have one";
	char text[64];

	if (WIFSIGNALED(status))
		give_up(worker, status);
	if (WEXITSTATUS(status) && answer->size) {
		fail(worker, WEXITSTATUS(status), answer->data, answer->size, times);
	} else if (WEXITSTATUS(status)) {
		fail(worker, WEXITSTATUS(status), silent, sizeof(silent) - 1, times);
	} else if (mett_worker_exit(worker, 0, answer->data ? answer->data : "", answer->size,
	                            times)) {
		snprintf(text, sizeof(text), "it answers %zu bytes, more than the server takes",
		         answer->size);
		fail(worker, EMSGSIZE, text, strlen(text), times);
	}
}

void once_serve(const struct program *program, struct mett_worker *worker)
{
	static const char endless[] = "it answers more than the server takes";
	struct mett_metadata times = {0};
	struct buffer answer = {0};
	struct child child;
	size_t size;

	const char *argument = mett_worker_argument(worker, &size);
	make_environment(mett_worker_activation(worker));
	times.start_function = now_ns();
	int error = program_start(program, STREAM_OUT, environment.list, &child);
	if (error) {
		fail(worker, -error, strerror(-error), strlen(strerror(-error)), &times);
		return;
	}
	enum pump_outcome outcome = pump(&child, argument, size, false, &answer);
	times.end_function = now_ns();
	if (outcome == PUMP_NO_MEMORY)
		run_out_of_memory(worker);
	if (outcome == PUMP_TOO_LARGE) {
		sweep();
		child_wait(&child);
		fail(worker, EMSGSIZE, endless, sizeof(endless) - 1, &times);
	} else {
		int status = child_wait(&child);

		sweep();
		tell_outcome(worker, status, &answer, &times);
	}
	free(answer.data);
}
