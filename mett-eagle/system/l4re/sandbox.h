#pragma once

/* What sandboxes and workers share. */
#include "host.h"
#include "image.h"
#include "later.h"
#include "recycle.h"

struct sys_sandbox {
	struct sys_host *host;
	struct sys_loop *loop;
	const struct sys_sandbox_handler *handler;
	void *owner;
	struct image image;
	struct stock *stock; /* of its processes */
	const char *why;     /* it did not come up; NULL: it did */
	struct later tell;
	bool begun;        /* has been told */
	char *environment; /* a copy */
	size_t environment_size;
	unsigned core;
	uint64_t limit; /* that its workers were last asked to have */
};

/** sandbox_init() - all but the telling; 0 or -ENOMEM */
int sandbox_init(struct sys_sandbox *sandbox, struct sys_host *host, struct sys_loop *loop,
                 const struct sys_program *program);
