#pragma once

/*
 * A process that has ended is not deleted if it can be proven to be as it was when it was
 * new: then it waits in stock for its next life. See doc/design/l4re.md.
 */
#include "body.h"

/** stock_new() - of processes of this program; 0 or -ENOMEM */
int stock_new(const struct image *image, struct stock **ret);

/** stock_free() - what comes back to it later is deleted. NULL is fine. */
void stock_free(struct stock *stock);

/**
 * stock_take() - a process for a life: one that waits, or else a new one
 * @wait: none is made while many are on their way back
 *
 * Return: 0, -EAGAIN or -ENOMEM.
 */
int stock_take(struct stock *stock, bool wait, unsigned core, struct body **ret);

/** recycle() - give back one whose life is over, stopped; does not wait */
void recycle(struct body *body);

/** recycled() - number of lives so far that were not the first one of a process */
unsigned long recycled(void);

/** recycle_start() - before all others, with the cores that processes can run on; 0 or -errno */
int recycle_start(uint64_t cores);
