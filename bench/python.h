#pragma once

/* What an invocation of a function in Python is measured beside. Each returns nanoseconds. */
#include <stdint.h>

enum {
	PYTHON_PAGES = 1120, /* of anonymous memory that a zygote has */
	PYTHON_WRITTEN = 64, /* of these, what a worker writes to before and in its call */
};

/** python_call() - invoke "python", an empty function; @data: a scene */
int64_t python_call(void *data);

/** python_fork() - fork of so much memory, exit of the child when it has written, wait */
int64_t python_fork(void *data);

/** python_start() - start the interpreter as a program with nothing to do, and wait */
int64_t python_start(void *data);
