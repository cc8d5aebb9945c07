#include "reaper.h"

#include <errno.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/scheduler.h>
#include <l4/sys/semaphore.h>
#include <pthread-l4.h>
#include <pthread.h>
#include <stdatomic.h>

#include "later.h"
#include "object.h"

enum { QUEUE = 1 << 16, AT_ONCE = 240, BEHIND = 2000 };

/* No slot can be in it twice, so that there is always room. */
struct queue {
	l4_cap_idx_t slot[QUEUE];
	unsigned first, count;
};

static struct queue destroyed, dropped;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static l4_cap_idx_t work;
static _Atomic unsigned backlog; /* slots to be destroyed, those in work included */
static _Atomic unsigned queued;  /* in both queues */

static void drop_later(const l4_cap_idx_t *slots, unsigned count, bool destroy)
{
	struct queue *queue = destroy ? &destroyed : &dropped;

	pthread_mutex_lock(&mutex);
	unsigned before = queue->count;
	for (unsigned i = 0; i < count; i++)
		if (!(slots[i] & L4_INVALID_CAP_BIT))
			queue->slot[(queue->first + queue->count++) % QUEUE] = slots[i];
	atomic_fetch_add(&queued, queue->count - before);
	if (destroy)
		atomic_fetch_add(&backlog, queue->count - before);
	pthread_mutex_unlock(&mutex);
	l4_semaphore_up(work);
}

bool reaper_behind(void)
{
	return atomic_load_explicit(&backlog, memory_order_relaxed) > BEHIND;
}

static unsigned take(struct queue *queue, l4_cap_idx_t *slots)
{
	unsigned count = 0;

	pthread_mutex_lock(&mutex);
	for (; count < AT_ONCE && queue->count; count++, queue->count--) {
		slots[count] = queue->slot[queue->first];
		queue->first = (queue->first + 1) % QUEUE;
	}
	atomic_fetch_sub(&queued, count);
	pthread_mutex_unlock(&mutex);
	return count;
}

static void run_at(unsigned priority)
{
	l4_sched_param_t param = l4_sched_param(priority, 0);

	l4_scheduler_run_thread(l4re_env()->scheduler, pthread_l4_cap(pthread_self()), &param);
}

/*
 * At moe's priority: so moe hears of all deletions at once, see recycle.c, and nobody waits
 * for the mutex while another who computes keeps this one from letting go of it.
 */
static void *reap(void *unused)
{
	static l4_cap_idx_t slots[AT_ONCE];
	unsigned count;

	(void)unused;
	for (;;) {
		l4_semaphore_down(work, L4_IPC_NEVER);
		if (!atomic_load(&queued))
			continue;
		run_at(PRIORITY_MOE);
		while ((count = take(&destroyed, slots))) {
			slots_unmap(slots, count, true);
			atomic_fetch_sub(&backlog, count);
		}
		while ((count = take(&dropped, slots)))
			slots_unmap(slots, count, false);
		run_at(PRIORITY_STOPPED);
	}
	return NULL;
}

int reaper_start(void)
{
	l4_sched_param_t param = l4_sched_param(PRIORITY_STOPPED, 0);
	pthread_t thread;

	work = slot_new();
	if (l4_error(l4_factory_create(l4re_env()->factory, L4_PROTO_SEMAPHORE, work)))
		return -ENOMEM;
	int error = pthread_create(&thread, NULL, reap, NULL);
	if (error)
		return -error;
	l4_scheduler_run_thread(l4re_env()->scheduler, pthread_l4_cap(thread), &param);
	slots_drop_later = drop_later;
	return 0;
}
