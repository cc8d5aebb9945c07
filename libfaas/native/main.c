/*
 * The life of a function's process: init once, then serve.
 */
#include "os.h"
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct faas_state faas_state;

/* The author may leave it away. */
extern __typeof__(faas_init) faas_init __attribute__((weak));

/* std::set_new_handler(), if this is a C++ program that allocates. */
extern void *set_new_handler(void (*handler)(void)) __asm__("_ZSt15set_new_handlerPFvvE")
	__attribute__((weak));

/* With no handler left, operator new then throws std::bad_alloc. */
static void on_new_failed(void)
{
	if (faas_state.worker)
		mett_worker_note_memory(faas_state.worker);
	set_new_handler(NULL);
}

static const char *error_text(int code)
{
	const char *text = code < 0 ? os_error_text(-code) : NULL;

	return text ? text : "";
}

/* What every call will write to: now, while nobody waits, it is copied from the zygote. */
static void prepare(void)
{
	faas_state = (struct faas_state){0};
	errno = 0;
}

static void init(void)
{
	int code = faas_crash_init();

	mett_worker_prepare(prepare);
	if (!code && faas_init)
		code = faas_init();
	/* What is left in a buffer now would come out of every worker. */
	fflush(NULL);
	if (code)
		mett_worker_fail_start(faas_state.failure[0] ? faas_state.failure
		                       : code < 0            ? error_text(code)
		                                             : "faas_init() failed");
}

static void hand_over(struct mett_worker *worker, int code, const struct mett_metadata *times)
{
	const void *answer = faas_state.answer;
	size_t size = faas_state.answer_size;

	if (code == -ENOMEM) {
		mett_worker_note_memory(worker);
		_Exit(ENOMEM);
	}
	if (code) {
		answer = faas_state.failure[0] ? faas_state.failure : error_text(code);
		size = strlen(answer);
	}
	int failed = mett_worker_exit(worker, code < 0 ? -code : code, answer, size, times);
	/* It was promised room when it answered, but the server has none to pass it on in. */
	if (failed) {
		answer = "no memory for the answer";
		mett_worker_exit(worker, -failed, answer, strlen(answer), times);
	}
}

int main(void)
{
	init();
	for (;;) {
		struct mett_metadata times = {0};
		struct mett_worker *worker;
		const void *argument;
		size_t size;

		mett_worker_park(&worker);
		faas_state = (struct faas_state){.worker = worker};
		if (set_new_handler)
			set_new_handler(on_new_failed);
		argument = mett_worker_argument(worker, &size);
		times.start_function = os_clock_ns();
		int code = faas_main(argument, size);
		times.end_function = os_clock_ns();
		os_flush();
		hand_over(worker, code, &times);
	}
}
