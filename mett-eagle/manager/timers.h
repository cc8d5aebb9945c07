#pragma once

/* Timers: what is due when, in one thread. A heap of at most as many as are armed. */
#include <stddef.h>
#include <stdint.h>

struct timer {
	void (*expired)(struct timer *timer); /* may free the timer's owner */
	uint64_t due_ns;                      /* 0: not armed */
	size_t position;
};

struct timers {
	struct timer **heap;
	size_t count;
	size_t room;
};

/** timers_deinit() - with none armed */
void timers_deinit(struct timers *timers);

/** timers_arm() - 0 or -ENOMEM; an armed timer is moved */
int timers_arm(struct timers *timers, struct timer *timer, uint64_t due_ns);

/** timers_disarm() - does nothing to one that is not armed */
void timers_disarm(struct timers *timers, struct timer *timer);

/** timers_next() - when the first is due; 0: none is armed */
uint64_t timers_next(const struct timers *timers);

/** timers_expire() - disarm each that is due at @now_ns, and call it */
void timers_expire(struct timers *timers, uint64_t now_ns);
