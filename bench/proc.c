#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "fail.h"

/* A sandbox's init is the first in its pid namespace, its zygote the second. */
enum { FIRST_WORKER = 3 };

/* Whether @line begins with @key; then *@ret is what comes behind. */
static bool read_key(const char *line, const char *key, const char **ret)
{
	size_t length = strlen(key);

	*ret = line + length;
	return !strncmp(line, key, length);
}

/* Its number in its own pid namespace; 0 when that is ours too. */
static unsigned inner_pid(const char *numbers)
{
	const char *tab = strrchr(numbers, '\t');

	return tab && tab != numbers ? (unsigned)strtoul(tab + 1, NULL, 10) : 0;
}

static bool read_process(pid_t pid, struct proc_process *ret)
{
	char path[32], line[256];
	const char *value;

	fmt_format(path, sizeof(path), "/proc/{}/status", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	*ret = (struct proc_process){.pid = pid};
	while (fgets(line, sizeof(line), file)) {
		if (read_key(line, "PPid:", &value))
			ret->parent = atoi(value);
		else if (read_key(line, "NSpid:", &value))
			ret->kind = inner_pid(value) >= FIRST_WORKER ? PROC_WORKER : PROC_OTHER;
	}
	fclose(file);
	return true;
}

static void add(struct proc_tree *tree, const struct proc_process *process)
{
	if (tree->count == tree->room) {
		tree->room = tree->room ? 2 * tree->room : 256;
		tree->process = reallocarray(tree->process, tree->room, sizeof(*tree->process));
		if (!tree->process)
			fail("processes", -ENOMEM);
	}
	tree->process[tree->count++] = *process;
}

/* Swaps those that descend from the first into the front, and forgets the others. */
static void keep_descendants(struct proc_tree *tree)
{
	unsigned kept = 1;

	for (unsigned parent = 0; parent < kept; parent++)
		for (unsigned i = kept; i < tree->count; i++)
			if (tree->process[i].parent == tree->process[parent].pid) {
				struct proc_process found = tree->process[i];

				tree->process[i] = tree->process[kept];
				tree->process[kept++] = found;
			}
	tree->count = kept;
}

static uint64_t thread_switches(pid_t pid, const char *thread)
{
	char path[64], line[256];
	const char *value;
	uint64_t count = 0;

	fmt_format(path, sizeof(path), "/proc/{}/task/{}/status", pid, thread);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (read_key(line, "voluntary_ctxt_switches:", &value) ||
		    read_key(line, "nonvoluntary_ctxt_switches:", &value))
			count += strtoull(value, NULL, 10);
	if (file)
		fclose(file);
	return count;
}

static uint64_t process_switches(pid_t pid)
{
	char path[32];
	uint64_t count = 0;
	struct dirent *entry;

	fmt_format(path, sizeof(path), "/proc/{}/task", pid);
	DIR *folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			count += thread_switches(pid, entry->d_name);
	if (folder)
		closedir(folder);
	return count;
}

void proc_tree_read(struct proc_tree *tree, pid_t root)
{
	struct proc_process process;
	struct dirent *entry;
	DIR *folder = opendir("/proc");

	tree->count = 0;
	if (!folder || !read_process(root, &process))
		fail("/proc of the server", -ENOENT);
	add(tree, &process);
	while ((entry = readdir(folder))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && pid != root && read_process(pid, &process))
			add(tree, &process);
	}
	closedir(folder);
	keep_descendants(tree);
	for (unsigned i = 0; i < tree->count; i++)
		tree->process[i].switches = process_switches(tree->process[i].pid);
}

void proc_tree_deinit(struct proc_tree *tree)
{
	free(tree->process);
	*tree = (struct proc_tree){0};
}

static const struct proc_process *find(const struct proc_tree *tree, pid_t pid)
{
	for (unsigned i = 0; i < tree->count; i++)
		if (tree->process[i].pid == pid)
			return &tree->process[i];
	return NULL;
}

uint64_t proc_wake_ups(const struct proc_tree *before, const struct proc_tree *after)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < before->count; i++) {
		const struct proc_process *now = find(after, before->process[i].pid);

		count += now ? now->switches - before->process[i].switches : 1;
	}
	for (unsigned i = 0; i < after->count; i++)
		count += !find(before, after->process[i].pid);
	return count;
}

uint64_t proc_pss_kib(pid_t pid)
{
	char path[40], line[256];
	const char *value;
	uint64_t kib = 0;

	fmt_format(path, sizeof(path), "/proc/{}/smaps_rollup", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (read_key(line, "Pss:", &value))
			kib = strtoull(value, NULL, 10);
	if (file)
		fclose(file);
	return kib;
}

unsigned proc_workers(const struct proc_tree *tree)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tree->count; i++)
		count += tree->process[i].kind == PROC_WORKER;
	return count;
}

double proc_workers_kib(const struct proc_tree *tree)
{
	unsigned workers = proc_workers(tree);
	uint64_t sum = 0;

	for (unsigned i = 0; i < tree->count; i++)
		if (tree->process[i].kind == PROC_WORKER)
			sum += proc_pss_kib(tree->process[i].pid);
	return workers ? (double)sum / workers : 0;
}
