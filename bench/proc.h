#pragma once

/* What /proc tells of a server and of all processes it made. */
#include <stdint.h>
#include <sys/types.h>

enum proc_kind {
	PROC_OTHER, /* server, launcher, the inits and zygotes of sandboxes */
	PROC_WORKER,
};

struct proc_process {
	pid_t pid;
	pid_t parent;
	enum proc_kind kind;
	uint64_t switches; /* how often its threads let go of a processor so far */
};

/** struct proc_tree - all zero is an empty one */
struct proc_tree {
	struct proc_process *process;
	unsigned count, room;
};

/** proc_tree_read() - @root and all its descendants, as they are now */
void proc_tree_read(struct proc_tree *tree, pid_t root);

/** proc_tree_deinit() */
void proc_tree_deinit(struct proc_tree *tree);

/** proc_wake_ups() - between two readings; who came or went meanwhile was awake for it */
uint64_t proc_wake_ups(const struct proc_tree *before, const struct proc_tree *after);

/** proc_pss_kib() - a process's proportional share of memory in KiB; 0 when it is gone */
uint64_t proc_pss_kib(pid_t pid);

/** proc_workers() - number of workers among them */
unsigned proc_workers(const struct proc_tree *tree);

/** proc_workers_kib() - their proportional share of memory in KiB, the mean; 0 without any */
double proc_workers_kib(const struct proc_tree *tree);
