#pragma once

/* What an invocation of a function in Python is measured beside. Each returns nanoseconds. */
#include <stdint.h>

#include "scene.h"

enum {
	PYTHON_PAGES = 1120, /* of anonymous memory that a zygote has */
	PYTHON_WRITTEN = 64, /* of these, what a worker writes to before and in its call */
};

/** struct python_load - what came of 16 clients that call a function which sleeps 50 ms */
struct python_load {
	double overhead_us; /* p50 of what a call took beside its sleep */
	double per_second;
};

/** python_parked_kib() - proportional memory of a parked worker of a script with imports */
double python_parked_kib(const struct files *files);

/** python_sleepers() - that load, @calls of each client */
void python_sleepers(const struct files *files, unsigned calls, struct python_load *ret);

/** python_call() - invoke "python", an empty function; @data: a scene */
int64_t python_call(void *data);

/** python_fork() - fork of so much memory, exit of the child when it has written, wait */
int64_t python_fork(void *data);

/** python_start() - start the interpreter as a program with nothing to do, and wait */
int64_t python_start(void *data);
