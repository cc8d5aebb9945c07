#pragma once

/*
 * Tree: some of the machine's files, for reading only, as the root of sandboxes
 * whose program cannot live in an empty one. It is made once. Its mounts are in
 * no mount namespace: a sandbox that does not enter it holds nothing of it, and
 * for one that does there is nothing above it to climb to.
 */
#include <stddef.h>

/**
 * tree_make() - a tree of these files and folders, each at its own path
 * @paths: absolute; NULL behind the last; a link to a folder stays a link;
 *         a folder before what lies in it; one with '+' before it is an empty
 *         folder, for something to be mounted there
 * @ret:   descriptor of its root; the tree lives as long as that is open
 * @why:   memory of @size bytes for a text that says which path failed
 *
 * Call it in a private mount namespace, with the right to mount; it uses /proc as
 * the place to build on, and leaves it as it was.
 *
 * Return: 0 or a negative errno, with @why filled in.
 */
int tree_make(const char *const *paths, int *ret, char *why, size_t size);

/**
 * tree_enter() - take it for root and working directory
 *
 * For good, once the right to chroot is given up. Return: 0 or a negative errno.
 */
int tree_enter(int tree);
