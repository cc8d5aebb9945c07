#pragma once

/*
 * Root: the empty, read-only world that the launcher moves into for good. Each
 * sandbox's mount namespace is a copy of it, and so costs next to nothing.
 */
#include <stddef.h>
#include <sys/types.h>

struct root {
	int proc;       /* /proc of the machine, only reachable through this */
	int null;       /* /dev/null, open for reading */
	uid_t uid_base; /* first of ROOT_UID_COUNT ids for sandboxes; 0: all get the launcher's */
};

enum { ROOT_UID_COUNT = 65536 };

/**
 * root_prepare() - leave the machine's mount namespace and, as an ordinary user, its user namespace
 * @ret: what is needed of the old world
 * @why: memory of @size bytes for a text that says what failed and how to mend it
 *
 * Return: 0 or a negative errno, with @why filled in.
 */
int root_prepare(struct root *ret, char *why, size_t size);

/** root_enter() - then leave the machine's files; as root_prepare() */
int root_enter(char *why, size_t size);

/**
 * root_map_ids() - give a process's new user namespace its one user and group
 * @pid:    the process
 * @number: of the sandbox; chooses the id outside
 *
 * Inside, the id is ROOT_SANDBOX_ID.
 *
 * Return: 0 or a negative errno.
 */
int root_map_ids(const struct root *root, pid_t pid, unsigned number);

enum { ROOT_SANDBOX_ID = 1000 };
