#pragma once

/* What the command line asks for. */
#include <mett-eagle/client.h>

#include <stdbool.h>

enum output_form {
	OUTPUT_BY_TERMINAL, /* the summary on a terminal, else the raw block */
	OUTPUT_SUMMARY,
	OUTPUT_RAW,
	OUTPUT_JSON,
};

enum {
	ACTIONS_MAX = 16, /* the function and its callees */
	THREADS_MAX = 1024,
	PATH_SIZE = 4096,
	VARIABLES_MAX = METT_ENVIRONMENT_MAX / 3, /* "K=" and its zero */
};

/* An action that each client creates. */
struct action {
	const char *name;
	char path[PATH_SIZE];
	enum mett_language language;
	bool source; /* in C: to be compiled before it is sent */
	int program; /* descriptor of what it was compiled to; -1: none */
};

struct options {
	unsigned threads;
	size_t iterations;  /* of each thread */
	const char *socket; /* NULL: where a server listens by default */
	const char *argument;
	struct mett_config config;
	enum mett_policy policy;
	uint32_t grants;                            /* of all actions */
	const char *environment[VARIABLES_MAX + 1]; /* the same; NULL behind the last */
	unsigned variable_count;
	double rate; /* invocations a second and thread; 0: as fast as they go */
	enum output_form form;
	struct action actions[ACTIONS_MAX]; /* the first is the one that is invoked */
	unsigned action_count;
};

enum options_outcome {
	OPTIONS_RUN,
	OPTIONS_DONE,   /* help or version was asked for, and printed */
	OPTIONS_WRONG,  /* what is wrong was printed */
	OPTIONS_FAILED, /* help or version could not be printed, and why was */
};

/**
 * options_read() - understand the command line
 * @ret: filled in when OPTIONS_RUN is returned; points into @argv
 */
enum options_outcome options_read(int argc, char **argv, struct options *ret);

/** options_policy_name() - "default", "fork", "spawn" or "reuse"; static */
const char *options_policy_name(enum mett_policy policy);
