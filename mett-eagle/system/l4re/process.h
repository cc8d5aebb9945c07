#pragma once

/* A worker's process on L4Re: a task with one thread, a region map, and what it is given. */
#include "recycle.h"

#include "../sandbox.h"

/* Where a worker finds what it was given, by number in its table of capabilities. */
enum process_cap {
	PROCESS_TASK = 1,
	PROCESS_FACTORY,
	PROCESS_THREAD,
	PROCESS_LOG = 5,
	PROCESS_SCHEDULER = 7,
	PROCESS_RM = 0x10,
	PROCESS_MEMORY,
	PROCESS_PARENT, /* its gate of the kernel: all it can call */
	PROCESS_BELL,
	PROCESS_SERVER_BELL,
	PROCESS_WINDOW_BELLS,
	PROCESS_CALLEE_BELLS = PROCESS_WINDOW_BELLS + 2,
	PROCESS_FREE = PROCESS_CALLEE_BELLS + 2,
};

/*
 * Rings and windows are not given to it as capabilities: they lie in its memory when it
 * begins, at the places of these numbers in its table.
 */
enum { PROCESS_CALLEE = 6 };

/* By this initial capability a program knows that it is a worker. */
#define PROCESS_MARK        "mett"
#define PROCESS_MARK_CALLEE "mett-callee"

/* The C library makes a semaphore at its start: for that there is enough, for a thread not. */
enum { PROCESS_KERNEL_MEMORY = 2048 };

struct process {
	struct body *body; /* NULL: there is none */
	bool stopped;
	sys_cap window, callee; /* where it may wait */
};

/**
 * process_start() - make one and let it run
 * @stock:  of the program; @wait: as stock_take()
 * @gate:  server's end of its gate
 * @environment: of it, lawful; @environment_size bytes
 * @limit: bytes that it may allocate; 0: no limit
 *
 * Return: 0, -EAGAIN: there is none now; or another negative errno.
 */
int process_start(struct process *process, struct stock *stock, bool wait,
                  const struct image *image, const struct sys_window *window, sys_cap gate,
                  const char *environment, size_t environment_size, uint64_t limit, unsigned core);

/** process_stop() - from now on it executes nothing, and touches nothing that it shares */
void process_stop(struct process *process);

/** process_free() - stop it, and give it back to its stock; does nothing the second time */
void process_free(struct process *process);

/** process_out_of_memory() - has it used up what it may allocate? */
bool process_out_of_memory(const struct process *process);
