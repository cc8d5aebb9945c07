#pragma once

/*
 * Later: what a loop's thread does when others on its core have had their turn.
 * To end a worker is such a thing: done at once, its clean-up would run before
 * the client whom the thread has just woken.
 */
#include "../loop.h"

#include <stdbool.h>

enum { LATER_NS = 50000 }; /* at the latest, if nothing else happens */

struct later {
	void (*run)(struct later *later);
	struct later *next;
	bool queued;
};

/** later_queue() - run it behind what happens next; does nothing if it is queued */
void later_queue(struct sys_loop *loop, struct later *later);

/** later_cancel() - do not run it, if it is queued */
void later_cancel(struct sys_loop *loop, struct later *later);
