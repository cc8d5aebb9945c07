#pragma once

/*
 * Start of a program: how long its turn may take to come, among all that are to be
 * started, and how long it may then take itself.
 */
#include <mett-eagle/common.h>

#include <stdbool.h>

#include "timers.h"

struct start {
	struct timer timer;
	bool begun; /* its turn has come */
};

/** start_await() - it is ordered, or @begun; 0 or -ENOMEM */
int start_await(struct start *start, struct timers *timers, bool begun);

/** start_late() - why one is given up whose timer expired, @what being late */
void start_late(const struct start *start, const char *what, char why[METT_MESSAGE_MAX]);
