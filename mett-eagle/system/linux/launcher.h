#pragma once

/*
 * Launcher: the process that makes sandboxes. It is started before there is any
 * thread, does one thing at a time, and alone keeps the rights this needs.
 *
 * A sandbox is two processes to begin with: its init, which does nothing but to
 * be the first of the pid namespace (when it dies the kernel kills the rest), and
 * the first process that runs the action's program. The latter, and the workers it
 * forks, are children of the server, which so learns from the kernel how each ended.
 *
 * A few inits are made ahead of requests. Each is used once.
 */
#include "../ipc.h"

#include <sys/types.h>

#include <mett-eagle/common.h>

#include "runtime.h"

struct launcher {
	pid_t pid;
	sys_cap gate; /* requests; any thread may send */
	sys_cap life; /* never written: closes when this process is gone, by whatever way */
};

/** enum launch_mode - what the program finds itself to be; see enum filter_kind */
enum launch_mode {
	LAUNCH_ZYGOTE,
	LAUNCH_WORKER,
};

struct launch_request {
	uint32_t mode;
	uint32_t language; /* enum mett_language: which runtime runs the program, if any */
	uint32_t core;
	uint32_t grants; /* enum mett_grant */
	uint64_t memory; /* bound of private writable memory in bytes; 0: none */
	char name[METT_NAME_MAX + 8];
	uint32_t environment_size;
	char environment[METT_ENVIRONMENT_MAX]; /* only so much of it is sent */
};

/* What goes along with a request. The window is for workers only. */
enum launch_cap {
	LAUNCH_PROGRAM,
	LAUNCH_GATE, /* gets BUILT or UNBUILT, and is then the program's */
	LAUNCH_LOG,
	LAUNCH_WINDOW,
	LAUNCH_CAPS,
};

enum { LAUNCH_SPARES_MAX = 64 };

/**
 * launcher_start() - fork the launcher, and wait until it has made a sandbox for a trial
 * @ret:      launcher; to be ended with launcher_stop()
 * @spares:   sandboxes to have ready ahead of requests, up to LAUNCH_SPARES_MAX
 * @runtimes: where they are; one that is missing fails who asks for it
 * @why:      memory of @size bytes for a text that says what is missing and how to mend it
 *
 * Call it while the process has one thread.
 *
 * Return: 0 or a negative errno, with @why filled in.
 */
int launcher_start(struct launcher *ret, unsigned spares, const struct runtime_paths *runtimes,
                   char *why, size_t size);

/** launcher_stop() - end the launcher, and every sandbox with it */
void launcher_stop(struct launcher *launcher);

/**
 * launcher_request() - have a sandbox made; the outcome arrives at the other end of LAUNCH_GATE
 * @caps: LAUNCH_CAPS of them, the last one SYS_NO_CAP for a zygote; stay the caller's
 *
 * Blocks up to a second when more are asked for than can be made. From any thread.
 *
 * Return: 0 or a negative errno.
 */
int launcher_request(const struct launcher *launcher, const struct launch_request *request,
                     const sys_cap caps[LAUNCH_CAPS]);
