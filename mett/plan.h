#pragma once

/* mett.yaml: which functions a namespace should have. */
#include "deployment.h"

#include <stddef.h>

/**
 * struct plan - what a file asks for
 * @path:  of the file
 * @space: namespace; NULL: none is named
 * @rows:  the functions, in the file's order; their texts are the plan's
 * @count: number of rows
 */
struct plan {
	const char *path;
	const char *space;
	struct deployment *rows;
	size_t count;
	char **texts;
	size_t text_count;
};

/**
 * plan_read() - understand a file
 * @path: must outlive the plan
 * @ret:  free with plan_deinit(), also after a failure
 *
 * Paths of functions become relative to the working directory, or absolute. Return: true; or
 * false, and what is wrong was told, with line and column.
 */
bool plan_read(const char *path, struct plan *ret);

/** plan_deinit() - a zeroed plan is fine too */
void plan_deinit(struct plan *plan);
