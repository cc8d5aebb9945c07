#pragma once

/* Command line of mett-recorder. */
#include <stdbool.h>
#include <stdint.h>

/* What SQLite's file may lie at, and a folder for it. */
enum { PATH_ROOM = 4096 };

struct options {
	char socket[108];       /* the server's */
	char records[128];      /* where queries are answered: that, and ".records" */
	char folder[PATH_ROOM]; /* of the database */
	bool folder_default;    /* may be made */
	unsigned socket_mode;
	uint64_t keep_count; /* records of each namespace */
	uint64_t keep_bytes; /* the same, about what they take in the database */
	int ready_fd;        /* -1: none */
};

/**
 * options_parse() - fill in from the command line; prints help, version and mistakes
 *
 * Return: 0 to go on; else the process's exit code, +1 (1 means "done, successfully").
 */
int options_parse(struct options *ret, int argc, char **argv);
