#pragma once

/*
 * Reaper: a thread that ends sandboxes. To take down a pid namespace costs
 * milliseconds of waiting, which no session shall spend.
 */
#include "../ipc.h"

#include <sys/types.h>

struct reaper;

/**
 * struct corpse - a sandbox to be ended
 * @init:  pidfd of its init, or -1 while it is still to be born
 * @first: pidfd of its first process, or -1
 * @group: that process's group, all of which are children of this process
 * @gate:  where its birth will be told, if it has not been; else SYS_NO_CAP
 */
struct corpse {
	struct corpse *next; /* the reaper's */
	int init;
	int first;
	pid_t group;
	sys_cap gate;
};

/** reaper_new() - start the thread; 0 or a negative errno */
int reaper_new(struct reaper **ret);

/** reaper_free() - end the thread, when all it was given is gone; NULL is fine */
void reaper_free(struct reaper *reaper);

/**
 * reaper_take() - end a sandbox, and wait for all its processes
 * @corpse: from malloc; the reaper's from now on, with all it holds
 *
 * Does not wait. From any thread.
 */
void reaper_take(struct reaper *reaper, struct corpse *corpse);
