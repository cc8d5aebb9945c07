/*
 * A runtime for the tests: does what the first word of its argument says.
 */
#include <mett-eagle/worker.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const void *function;
static size_t function_size;

static void answer(struct mett_worker *worker, int error, const void *data, size_t size)
{
	struct mett_metadata times = {0};
	struct timespec now;
	char text[32];

	clock_gettime(CLOCK_MONOTONIC, &now);
	times.start_function = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	times.end_function = times.start_function;
	int result = mett_worker_exit(worker, error, data, size, &times);
	if (result) {
		snprintf(text, sizeof(text), "exit gave %d", result);
		mett_worker_exit(worker, 1, text, strlen(text), &times);
	}
}

/* "space ASKED USED": an answer written in place, after one that was given up. */
static void answer_in_place(struct mett_worker *worker, const char *sizes)
{
	char *end;
	size_t asked = strtoul(sizes, &end, 10), used = strtoul(end, NULL, 10);
	void *space = NULL;
	char text[32];
	int result = mett_worker_answer_space(worker, 10, &space);

	if (!result)
		result = mett_worker_answer_space(worker, asked, &space);
	if (result) {
		snprintf(text, sizeof(text), "space gave %d", result);
		answer(worker, 1, text, strlen(text));
		return;
	}
	memset(space, 'x', asked);
	answer(worker, 0, space, used);
}

/* "invoke NAME SIZE": the argument is so many 'i'. Answers with answer and log, or the error. */
static void invoke(struct mett_worker *worker, const char *text)
{
	struct mett_config config = {.timeout_us = 5};
	struct mett_result result;
	char name[100], line[METT_MESSAGE_MAX + 32];
	size_t size;

	if (sscanf(text, "%99s %zu", name, &size) != 2)
		abort();
	char *argument = malloc(size + 1);
	memset(argument, 'i', size);
	int error = mett_worker_invoke(worker, name, argument, size, &config, &result);
	free(argument);
	if (error) {
		snprintf(line, sizeof(line), "%d %d %s", error, result.error.reason,
		         result.error.message);
		answer(worker, 2, line, strlen(line));
	} else if (((const char *)result.answer)[result.answer_size] || result.activation != 77 ||
	           strcmp(result.log, "its log") || result.log_size != strlen(result.log)) {
		answer(worker, 3, "result is not as it was sent", 28);
	} else {
		answer(worker, 0, result.answer, result.answer_size);
	}
	mett_result_deinit(&result);
}

static void serve(struct mett_worker *worker)
{
	static unsigned count;
	char command[256], text[256];
	size_t size;
	const void *argument = mett_worker_argument(worker, &size);

	snprintf(command, sizeof(command), "%.*s", (int)(size < 255 ? size : 255),
	         (const char *)argument);
	if (!strncmp(command, "space ", 6)) {
		answer_in_place(worker, command + 6);
	} else if (!strcmp(command, "write")) {
		fputs("something\n", stderr);
		answer_in_place(worker, "100000 100000");
	} else if (!strncmp(command, "invoke ", 7)) {
		invoke(worker, command + 7);
	} else if (!strcmp(command, "fail")) {
		answer(worker, 7, "it is so", 8);
	} else if (!strcmp(command, "longfail")) {
		static char long_text[100000];

		answer(worker, 7, long_text, sizeof(long_text));
	} else if (!strcmp(command, "signal")) {
		mett_worker_signal(worker, SIGABRT, 0);
		mett_worker_signal(worker, 0, 1);
		_exit(9);
	} else if (!strcmp(command, "memory")) {
		mett_worker_note_memory(worker);
		_exit(8);
	} else if (!strcmp(command, "function")) {
		answer(worker, 0, function, function_size);
	} else if (!strcmp(command, "who")) {
		const struct mett_activation *activation = mett_worker_activation(worker);

		snprintf(text, sizeof(text), "%s %llu, served %u", activation->name,
		         (unsigned long long)activation->id, count++);
		answer(worker, 0, text, strlen(text));
	} else {
		answer(worker, 0, argument, size);
	}
}

int main(void)
{
	struct mett_worker *worker;
	const char *failure = getenv("TEST_FAIL_START");

	if (failure)
		mett_worker_fail_start(failure);
	if (getenv("TEST_FUNCTION"))
		function = mett_worker_function(&function_size);
	for (;;) {
		mett_worker_park(&worker);
		serve(worker);
	}
}
