#include "timers.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct timers *timers, size_t position, struct timer *timer)
{
	timers->heap[position] = timer;
	timer->position = position;
}

static void sift_up(struct timers *timers, size_t position, struct timer *timer)
{
	while (position) {
		size_t parent = (position - 1) / 2;

		if (timers->heap[parent]->due_ns <= timer->due_ns)
			break;
		put(timers, position, timers->heap[parent]);
		position = parent;
	}
	put(timers, position, timer);
}

static void sift_down(struct timers *timers, size_t position, struct timer *timer)
{
	for (;;) {
		size_t child = 2 * position + 1;

		if (child + 1 < timers->count &&
		    timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns)
			child++;
		if (child >= timers->count || timers->heap[child]->due_ns >= timer->due_ns)
			break;
		put(timers, position, timers->heap[child]);
		position = child;
	}
	put(timers, position, timer);
}

void timers_deinit(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){0};
}

int timers_arm(struct timers *timers, struct timer *timer, uint64_t due_ns)
{
	timers_disarm(timers, timer);
	if (timers->count == timers->room) {
		size_t room = timers->room ? 2 * timers->room : 16;
		struct timer **heap = realloc(timers->heap, room * sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		timers->heap = heap;
		timers->room = room;
	}
	timer->due_ns = due_ns ? due_ns : 1;
	sift_up(timers, timers->count++, timer);
	return 0;
}

void timers_disarm(struct timers *timers, struct timer *timer)
{
	struct timer *last;

	if (!timer->due_ns)
		return;
	timer->due_ns = 0;
	last = timers->heap[--timers->count];
	if (last == timer)
		return;
	size_t position = timer->position;
	if (position && timers->heap[(position - 1) / 2]->due_ns > last->due_ns)
		sift_up(timers, position, last);
	else
		sift_down(timers, position, last);
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count ? timers->heap[0]->due_ns : 0;
}

void timers_expire(struct timers *timers, uint64_t now_ns)
{
	while (timers->count && timers->heap[0]->due_ns <= now_ns) {
		struct timer *timer = timers->heap[0];

		timers_disarm(timers, timer);
		timer->expired(timer);
	}
}
