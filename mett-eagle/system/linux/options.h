#pragma once

/* Options: what the operator says on the command line of the server. */
#include <manager/server.h>

#include <limits.h>
#include <sched.h>
#include <stdbool.h>

#include "runtime.h"

struct options {
	char socket[108];
	bool socket_default;
	unsigned socket_mode;
	char state[PATH_MAX]; /* folder of the store; "": none */
	bool state_default;   /* it need not be usable */
	struct server_config server;
	cpu_set_t cores; /* those in server.core_numbers */
	unsigned spares; /* sandboxes ahead of need */
	uint64_t memory_max;
	struct runtime_paths runtimes;
	int ready_fd; /* -1: none */
	bool check;   /* only say what would be done */
};

/**
 * options_parse() - read the command line
 *
 * Prints what --help and --version ask for, and complaints.
 *
 * Return: 0 to go on; else the process's exit code, +1 (1 means "done, successfully").
 */
int options_parse(struct options *ret, int argc, char **argv);
