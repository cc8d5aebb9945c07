#pragma once

/* What an invocation's time went into. */
#include <mett-eagle/base.h>

#include <jansson.h>
#include <stdio.h>

/**
 * struct phases - of one invocation
 * @begin_ns: the client began to ask, on CLOCK_MONOTONIC
 * @times:    of the server
 * @end_ns:   the client had the answer
 */
struct phases {
	uint64_t begin_ns, end_ns;
	struct mett_metadata times;
};

/** phases_draw() - a line for each phase with its time and, below one another, their bar */
void phases_draw(const struct phases *phases, FILE *out);

/** phases_json() - nanoseconds by phase */
json_t *phases_json(const struct phases *phases);
