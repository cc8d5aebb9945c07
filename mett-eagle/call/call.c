#include "call.h"

#include <string.h>

#include <system/ipc.h>

/*
 * A call that takes longer is given to the server, which watches its time. Sooner
 * than the scheduler's next tick it would cost each call the setting of a timer.
 */
static const uint64_t patience_us = 20000;

uint64_t mett_call_begin(struct window_lane *lane, struct worker_window *window, uint64_t *word,
                         const void *argument, size_t size, uint64_t timeout_us)
{
	uint64_t id = atomic_load_explicit(&lane->id, memory_order_relaxed);
	uint64_t claimed = *word;

	if (size)
		memcpy(size > METT_INLINE_MAX ? window->room.argument : window->serve.argument,
		       argument, size);
	window->by_lane = 1;
	window->size = size;
	window->activation.id = id;
	window->limit_us = timeout_us ? timeout_us : window->timeout_us;
	window->start_ns = sys_clock_ns();
	atomic_store_explicit(&window->call, window_call(CALL_RUNNING, (uint32_t)claimed),
	                      memory_order_relaxed);
	*word = lane_with(claimed, LANE_BEGUN);
	if (!atomic_compare_exchange_strong(&lane->word, &claimed, *word))
		return 0;
	atomic_store_explicit(&lane->id, id + 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&lane->calls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&window->turn, 1, memory_order_release);
	sys_word_wake(&window->turn);
	return id;
}

bool mett_call_wait(struct worker_window *window, uint32_t tag)
{
	uint64_t limit_us = window->limit_us;
	uint64_t patience = limit_us && limit_us < patience_us ? limit_us : patience_us;
	uint64_t deadline_ns = sys_clock_ns() + patience * 1000;
	uint32_t running = window_call(CALL_RUNNING, tag), call = running;

	while (call == running && sys_clock_ns() < deadline_ns) {
		sys_word_wait(&window->call, running, deadline_ns);
		call = atomic_load_explicit(&window->call, memory_order_acquire);
	}
	if (call == running)
		atomic_compare_exchange_strong(&window->call, &call, window_call(CALL_TAKEN, tag));
	return call == window_call(CALL_ANSWERED, tag);
}

const void *mett_call_answer(const struct worker_window *window, uint64_t size)
{
	if (size > WINDOW_ROOM)
		return NULL;
	return size > METT_INLINE_MAX ? window->room.answer : window->serve.answer;
}

bool mett_call_end(struct window_lane *lane, struct worker_window *window, uint64_t word,
                   uint64_t next)
{
	uint64_t closed = lane_with(word, LANE_USED), found = word;
	uint32_t answered = window_call(CALL_ANSWERED, (uint32_t)word);

	if (atomic_compare_exchange_strong(&lane->word, &found, next)) {
		atomic_compare_exchange_strong(&window->call, &answered, CALL_NONE);
		return true;
	}
	/* Where the server has closed the lane since, the answer stands, and it waits for this. */
	return found == closed &&
	       atomic_compare_exchange_strong(&lane->word, &found, lane_word(LANE_USED, 0, 0, 0));
}

void mett_call_times(struct mett_metadata *ret, const struct mett_metadata *told, uint64_t start_ns)
{
	uint64_t now_ns = sys_clock_ns();

	window_times(ret, told, start_ns, now_ns);
	ret->start_worker = start_ns;
	ret->end_worker = now_ns;
}
