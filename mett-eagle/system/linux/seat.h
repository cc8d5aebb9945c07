#pragma once

/*
 * Seat: a place at a zygote where one worker after the other gets the same gate,
 * window and log. The zygote is given them once; a seat is free when its worker
 * has ended and nothing of it is left.
 */
#include "../sandbox.h"
#include "tail.h"

#include <stdbool.h>

#include <protocol/protocol.h>

struct sys_seat {
	struct sys_watch gate; /* our end, from its first worker on */
	struct sys_sandbox *sandbox;
	struct sys_worker *worker; /* that sits here; NULL: none does */
	uint32_t number;           /* SEAT_NONE: for one worker only */
	sys_cap end;               /* our end of the gate */
	struct tail log;
	bool spoken;              /* there is, or may be, what its next worker must not find */
	sys_cap given[FORK_CAPS]; /* what the zygote gets, until it has; its window is not ours */
};

/**
 * seat_new() - a seat that the zygote does not know yet
 * @window: the worker's; its own capability must stay open until that is made
 *
 * Return: 0 or a negative errno.
 */
int seat_new(struct sys_sandbox *sandbox, const struct sys_window *window, struct sys_seat **ret);

/** seat_furnished() - does the zygote have what belongs to it? */
bool seat_furnished(const struct sys_seat *seat);

/** seat_furnish() - the zygote has got it now */
void seat_furnish(struct sys_seat *seat);

/** seat_take() - @worker sits here; 0 or a negative errno */
int seat_take(struct sys_seat *seat, struct sys_worker *worker);

/** seat_clear() - its worker is gone: forget what is left of it; false: no other can sit here */
bool seat_clear(struct sys_seat *seat);

/** seat_free() - NULL is fine */
void seat_free(struct sys_seat *seat);
