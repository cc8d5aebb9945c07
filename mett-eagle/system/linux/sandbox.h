#pragma once

/* What sandbox.c and worker.c know of each other. */
#include "../sandbox.h"
#include "host.h"
#include "tail.h"

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
	struct sys_worker *forking; /* asked for and not yet answered, oldest first */
	struct sys_worker **forking_end;
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

/** process_status() - how the process behind a pidfd ended; it stays to be waited for */
struct sys_exit process_status(int pidfd);

/** process_id() - pid behind a pidfd, or a negative errno */
pid_t process_id(int pidfd);

/** process_kill() - end the process behind a pidfd */
void process_kill(int pidfd);

/** process_is_child() - is what a zygote sent the pidfd of a child of ours? */
int process_is_child(int pidfd);

/** worker_forked() - the zygote's answer; @pidfd is the worker's from now on, or -1 with @error */
void worker_forked(struct sys_worker *worker, int pidfd, int error);
