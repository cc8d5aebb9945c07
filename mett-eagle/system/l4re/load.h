#pragma once

/* The memory of a process at the begin of a life. */
#include "body.h"

/**
 * load() - write it, attach it to the region map, and map what will be needed
 * @map:   region map of the process
 * @rings: of its gate; @window and @callee: entries of its windows, the latter or SYS_NO_CAP
 * @environment: @environment_size bytes
 * @ret_stack: stack pointer to begin with
 *
 * Return: 0 or -ENOMEM.
 */
int load(struct body *body, const struct image *image, l4_cap_idx_t map, sys_cap rings,
         sys_cap window, sys_cap callee, const char *environment, size_t environment_size,
         l4_addr_t *ret_stack);
