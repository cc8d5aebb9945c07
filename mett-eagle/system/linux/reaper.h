#pragma once

/*
 * Reaper: a thread that ends sandboxes. To take down a pid namespace costs
 * milliseconds of waiting, which no session shall spend.
 */
#include <sys/types.h>

struct reaper;

/**
 * struct corpse - a sandbox to be ended
 * @init:  pidfd of its init
 * @group: its process group, all of which are children of this process
 */
struct corpse {
	struct corpse *next; /* the reaper's */
	int init;
	pid_t group;
};

/** reaper_new() - start the thread; 0 or a negative errno */
int reaper_new(struct reaper **ret);

/** reaper_free() - end the thread, when all it was given is gone; NULL is fine */
void reaper_free(struct reaper *reaper);

/**
 * reaper_take() - end a sandbox, and wait for all its processes
 * @corpse: from malloc; the reaper's from now on, with its pidfd
 *
 * Does not wait. From any thread.
 */
void reaper_take(struct reaper *reaper, struct corpse *corpse);
