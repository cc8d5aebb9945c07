#pragma once

/* What sandbox.c and worker.c know of each other. */
#include "../sandbox.h"
#include "host.h"
#include "later.h"
#include "process.h"
#include "seat.h"

/* What an embedded watch or the like is part of. */
#define OWNER_OF(member_pointer_, type_, member_)                                                  \
	((type_ *)((char *)(member_pointer_)-offsetof(type_, member_)))

struct sys_sandbox {
	struct sys_watch control; /* gate to the zygote, or to the one worker */
	struct sys_watch process; /* pidfd of the first process */
	struct sys_host *host;
	struct sys_loop *loop;
	const struct sys_sandbox_handler *handler;
	void *owner;
	struct corpse *corpse; /* what is left to end; made beforehand, so that it cannot fail */
	sys_cap gate;
	int first; /* pidfd of the first process */
	struct tail log;
	uint64_t seats;             /* whose numbers are taken, a bit for each */
	struct sys_worker *forking; /* to be asked for, oldest first */
	struct sys_worker **forking_end;
	struct later asking;                /* for them */
	struct sys_worker *asked[FORK_MAX]; /* and not yet answered; NULL: not wanted any more */
	unsigned asked_count;
	struct later listening; /* to it again, when there were no descriptors for what it said */
};

/**
 * sandbox_launch() - ask the launcher for a sandbox
 * @window: for a worker; SYS_NO_CAP for a zygote
 *
 * Return: 0 or a negative errno.
 */
int sandbox_launch(struct sys_host *host, struct sys_loop *loop, const struct sys_program *program,
                   sys_cap window, const struct sys_sandbox_handler *handler, void *owner,
                   struct sys_sandbox **ret);

/** worker_ask() - ask the zygote for the workers that are wanted of it; of its sandbox's asking */
void worker_ask(struct later *asking);

/** worker_readable() - its gate is */
void worker_readable(struct sys_worker *worker);

/** worker_forked() - the zygote's answer; @pidfd is the worker's from now on, or -1 with @error */
void worker_forked(struct sys_worker *worker, int pidfd, int error);
