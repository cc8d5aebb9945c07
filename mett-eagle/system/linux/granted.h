#pragma once

/*
 * Granted: the machine's own programs and libraries, for reading only, as the root of
 * sandboxes whose action was granted them. It is a mount namespace, made once, of which
 * each such sandbox has a copy, and in it a place for the action's own script.
 */
#include <mett-eagle/common.h>

#include "root.h"

/**
 * struct granted - what METT_GRANT_SYSTEM gives
 * @mounts:  the mount namespace; -1: there is none, see @missing
 * @missing: what failed and how to mend it
 */
struct granted {
	int mounts;
	char missing[METT_MESSAGE_MAX];
};

/**
 * granted_open() - make it
 *
 * Call it where tree_make() may be called. Where it cannot be made, all that needs no
 * grant is served.
 */
void granted_open(struct granted *ret, const struct root *root);

/** granted_enter() - have the calling thread, for good, be in it; 0 or a negative errno */
int granted_enter(const struct granted *granted);

/**
 * granted_place() - in a sandbox's copy: put a script where its interpreter finds it
 * @function: descriptor of any program; what is no script stays where it is
 * @name:     of its action: it will be at GRANTED_SCRIPTS "/NAME"
 *
 * Needs the right to mount. Return: 0 or a negative errno.
 */
int granted_place(int function, const char *name);

#define GRANTED_SCRIPTS "/function"
