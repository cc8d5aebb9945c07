#pragma once

/* Tail: the end of what comes out of a pipe. */
#include "../sandbox.h"

#include <stdbool.h>

struct tail {
	struct sys_watch watch; /* first: its handler finds the tail by it */
	struct sys_loop *loop;
	sys_cap pipe;
	size_t size;
	char text[SYS_LOG_MAX];
};

/**
 * tail_init() - make a pipe; what is written to it waits there
 * @ret_write: end to write to; the caller's to close
 *
 * Return: 0 or a negative errno.
 */
int tail_init(struct tail *tail, struct sys_loop *loop, sys_cap *ret_write);

/** tail_watch() - take in what is written as it comes; 0 or a negative errno */
int tail_watch(struct tail *tail);

/** tail_clear() - as new, for the next writer; false: it cannot be */
bool tail_clear(struct tail *tail);

/** tail_deinit() - a zeroed one is fine too */
void tail_deinit(struct tail *tail);

/** tail_drain() - take what is in the pipe now */
void tail_drain(struct tail *tail);
