#include "private.h"

#include <errno.h>
#include <stdlib.h>

struct sys_loop {
	struct source *sources;
	bool woken;
};

/* A watch in a loop. */
struct interest {
	struct source source;
	struct sys_watch *watch;
	enum sys_watch_for what;
};

int sys_loop_new(struct sys_loop **ret)
{
	if (fake_fails())
		return -EMFILE;
	*ret = fake_alloc(sizeof(**ret));
	fake_lock();
	fake.loops++;
	fake_unlock();
	return 0;
}

void sys_loop_free(struct sys_loop *loop)
{
	if (!loop)
		return;
	fake_lock();
	fake.loops--;
	if (loop->sources)
		abort(); /* a watch would outlive its loop */
	fake_unlock();
	free(loop);
}

void fake_source_add(struct sys_loop *loop, struct source *source)
{
	struct source **end = &loop->sources;

	while (*end)
		end = &(*end)->next;
	*end = source;
	source->next = NULL;
	source->due = false;
}

void fake_source_remove(struct sys_loop *loop, struct source *source)
{
	struct source **link = &loop->sources;

	while (*link != source)
		link = &(*link)->next;
	*link = source->next;
}

static bool mark_due(struct sys_loop *loop)
{
	bool any = false;

	for (struct source *source = loop->sources; source; source = source->next) {
		source->due = source->is_ready(source);
		any |= source->due;
	}
	return any;
}

static struct source *next_due(struct sys_loop *loop)
{
	struct source *source = loop->sources;

	while (source && !source->due)
		source = source->next;
	return source;
}

int sys_loop_run(struct sys_loop *loop, uint64_t deadline_ns)
{
	struct source *source;

	fake_lock();
	while (!mark_due(loop) && fake.threads && !loop->woken &&
	       !(deadline_ns && fake.now_ns >= deadline_ns))
		pthread_cond_wait(&fake.changed, &fake.mutex);
	loop->woken = false;
	/* What a handler removes is not due any more: look anew each time. */
	while ((source = next_due(loop))) {
		source->due = false;
		pthread_mutex_unlock(&fake.mutex);
		source->run(source);
		pthread_mutex_lock(&fake.mutex);
	}
	pthread_mutex_unlock(&fake.mutex);
	return 0;
}

void sys_loop_wake(struct sys_loop *loop)
{
	fake_lock();
	loop->woken = true;
	fake_unlock();
}

int fake_idle(struct sys_loop *loop)
{
	fake_lock();
	bool idle = !mark_due(loop);
	pthread_mutex_unlock(&fake.mutex);
	return idle;
}

static bool watch_is_ready(struct source *source)
{
	struct interest *interest = (struct interest *)source;
	struct object *object = fake_object(interest->watch->cap);

	if (!object)
		abort(); /* it was closed before its watch ended */
	switch (interest->what) {
	case SYS_FOR_READING:
		return fake_readable(object);
	case SYS_FOR_WRITING:
		return fake_writable(object);
	default:
		return false;
	}
}

static void watch_run(struct source *source)
{
	struct sys_watch *watch = ((struct interest *)source)->watch;

	watch->ready(watch);
}

static struct interest *find(struct sys_loop *loop, struct sys_watch *watch)
{
	for (struct source *source = loop->sources; source; source = source->next)
		if (source->run == watch_run && ((struct interest *)source)->watch == watch)
			return (struct interest *)source;
	abort(); /* it is watched by another loop */
}

int sys_loop_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap)
{
	if (fake_fails())
		return -ENOMEM;
	struct interest *interest = fake_alloc(sizeof(*interest));

	*interest = (struct interest){.source = {.is_ready = watch_is_ready, .run = watch_run},
	                              .watch = watch};
	watch->cap = cap;
	fake_lock();
	fake_source_add(loop, &interest->source);
	fake_unlock();
	return 0;
}

void sys_loop_watch_for(struct sys_loop *loop, struct sys_watch *watch, enum sys_watch_for what)
{
	fake_lock();
	find(loop, watch)->what = what;
	fake_unlock();
}

void sys_loop_unwatch(struct sys_loop *loop, struct sys_watch *watch)
{
	if (watch->cap == SYS_NO_CAP)
		return;
	fake_lock();
	struct interest *interest = find(loop, watch);
	fake_source_remove(loop, &interest->source);
	fake_unlock();
	free(interest);
	watch->cap = SYS_NO_CAP;
}

int sys_gate_peer(sys_cap gate, uint32_t *ret_user)
{
	fake_lock();
	*ret_user = fake.user;
	fake_unlock();
	return fake_fails() ? -ENOTCONN : 0;
}

uint32_t sys_user(void)
{
	return FAKE_USER;
}

void fake_user(uint32_t user)
{
	fake_lock();
	fake.user = user;
	fake_unlock();
}

uint64_t sys_calendar_us(void)
{
	return 1700000000000000 + sys_clock_ns() / 1000;
}

int sys_core_pin(unsigned core)
{
	return fake_fails() ? -EINVAL : 0;
}

void fake_threads(int wait)
{
	fake_lock();
	fake.threads = wait;
	fake_unlock();
}
