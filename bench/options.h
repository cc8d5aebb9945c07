#pragma once

/* Options of the command line. */
#include <stdbool.h>

#include "scene.h"

struct options {
	bool quick;         /* few samples: to see that it works */
	bool json;          /* on the standard output, in place of the table */
	unsigned rounds;    /* 1 to ROUNDS_MAX */
	unsigned targets;   /* bit per target that is measured */
	bool all;           /* and the floors and throughput that no target needs */
	const char *output; /* file for JSON, or NULL */
	struct files files;
};

enum options_outcome { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/** options_read() - what to do; prints help, version, or what is wrong */
enum options_outcome options_read(int argc, char **argv, struct options *ret);
