/*
 * Answers by its lane, and then writes on to its large answer, for ever. If the
 * server has the call it answers "by server".
 */
#include "hostile.h"

#include <sched.h>
#include <stddef.h>

enum { SIZE = 1 << 20 };

int faas_main(const void *argument, size_t size)
{
	struct worker_window *window;
	void *answer;

	(void)argument;
	(void)size;
	if (faas_answer_space(1, &answer))
		return 1;
	window = (void *)((unsigned char *)answer - offsetof(struct worker_window, serve.answer));
	uint32_t call = atomic_load(&window->call);
	memset(window->room.answer, 'a', SIZE);
	window->reply = (struct window_reply){.size = SIZE};
	if (window_call_state(call) != CALL_RUNNING ||
	    !atomic_compare_exchange_strong(&window->call, &call,
	                                    window_call(CALL_ANSWERED, call >> 2)))
		return faas_answer_text("by server");
	sys_word_wake(&window->call);
	for (uint64_t state = 1;;) {
		for (int i = 0; i < 1000; i++) {
			uint64_t at = hostile_random(&state);

			window->room.answer[at % SIZE] = (unsigned char)(at >> 32);
		}
		sched_yield();
	}
}
