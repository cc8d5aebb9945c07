#pragma once

/*
 * Later: what a loop's thread need not do at once.
 *
 * To end a worker is such a thing: done at once, its clean-up would run before
 * the client whom the thread has just woken. To hear that one has ended is another:
 * while many come and go, they are looked after in batches.
 */
#include "../loop.h"

#include <stdbool.h>

enum {
	LATER_NS = 50000, /* at the latest, if nothing else happens */
	PATIENCE_NS = 200000,
};

struct later {
	void (*run)(struct later *later);
	struct later *next;
	bool queued;
};

/** later_queue() - run it when others on this core had their turn; does nothing if it is queued */
void later_queue(struct sys_loop *loop, struct later *later);

/** later_queue_last() - run it as the last thing before the thread sleeps, likewise */
void later_queue_last(struct sys_loop *loop, struct later *later);

/** later_cancel() - do not run it, if it is queued */
void later_cancel(struct sys_loop *loop, struct later *later);

/**
 * later_watch() - as sys_loop_watch(), but it is called up to PATIENCE_NS later
 *
 * When anything else wakes the thread meanwhile, it is called then.
 */
int later_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap);

/** later_unwatch() - as sys_loop_unwatch(), of what later_watch() watches */
void later_unwatch(struct sys_loop *loop, struct sys_watch *watch);
