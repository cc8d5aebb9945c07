#pragma once

/*
 * Filter: the system calls a sandbox may make. What is not listed ends the
 * process with SIGSYS; see filter.c for the list and the reasons.
 */
#include <linux/filter.h>

enum filter_kind {
	FILTER_ZYGOTE,         /* may fork itself in one precise way; no threads */
	FILTER_WORKER,         /* may start threads; no processes */
	FILTER_RUNTIME_ZYGOTE, /* these two: and look at the files of its root */
	FILTER_RUNTIME_WORKER,
	FILTER_EXEC, /* may look at files, and start programs and threads: alone in its sandbox */
	FILTER_KINDS,
};

enum {
	/*
	 * Where the program to execute is held. It lies above the limit of
	 * descriptors that is in force after that, so the number can never come
	 * to life again, and with it goes the right to execute.
	 */
	FILTER_PROGRAM_FD = 1000,
};

/*
 * The path beside it, which is empty; and it alone, by its address, as a descriptor counts for
 * nothing where there is a path. Where it lies no program knows.
 */
extern const char filter_no_path[1];

/**
 * filter_new() - compile a filter
 * @ret: program; its `filter` is from malloc, the caller's to free
 *
 * Return: 0 or a negative errno.
 */
int filter_new(enum filter_kind kind, struct sock_fprog *ret);

/** filter_load() - apply to the calling thread, which has no_new_privs; 0 or a negative errno */
int filter_load(const struct sock_fprog *program);
