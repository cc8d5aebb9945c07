#include "python.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system/ipc.h>

#include "fail.h"
#include "pace.h"
#include "proc.h"
#include "server.h"
#include "stats.h"

#define PYTHON_PROGRAM "/usr/bin/python3"

enum {
	PAGE = 4096,
	PARKED = 2, /* by a server's default */
	PATIENCE_MS = 5000,
	CLIENTS = 16,
	SLEEP_MS = 50,
	CALLS_MAX = 100,
};

int64_t python_call(void *scene)
{
	return scene_call_named(scene, "python");
}

/* Written once, so that it is there; only those who are forked here shall have it. */
static unsigned char *memory(void)
{
	static unsigned char *pages;

	if (pages)
		return pages;
	pages = mmap(NULL, (size_t)PYTHON_PAGES * PAGE, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		fail("memory to fork", -errno);
	madvise(pages, (size_t)PYTHON_PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(pages, 1, (size_t)PYTHON_PAGES * PAGE);
	return pages;
}

int64_t python_fork(void *data)
{
	unsigned char *pages = memory();

	madvise(pages, (size_t)PYTHON_PAGES * PAGE, MADV_DOFORK);
	uint64_t start = sys_clock_ns();
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < PYTHON_WRITTEN; i++)
			((volatile unsigned char *)
			         pages)[i * (PYTHON_PAGES / PYTHON_WRITTEN) * PAGE] = 2;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		return -errno;
	int64_t took = (int64_t)(sys_clock_ns() - start);
	madvise(pages, (size_t)PYTHON_PAGES * PAGE, MADV_DONTFORK);
	return took;
}

int64_t python_start(void *data)
{
	static char *const argv[] = {"python3", "-S", "-c", "", NULL}, *const envp[] = {NULL};
	uint64_t start = sys_clock_ns();
	int status;
	pid_t pid;
	int error = posix_spawn(&pid, PYTHON_PROGRAM, NULL, NULL, argv, envp);

	if (error || waitpid(pid, &status, 0) != pid)
		return error ? -error : -errno;
	return status ? -ENOEXEC : (int64_t)(sys_clock_ns() - start);
}

static struct mett_client *join(const struct server *server, const char *function)
{
	struct mett_action_options options = {METT_LANGUAGE_PYTHON, METT_POLICY_FORK, {0}};
	struct mett_client *client;
	struct mett_error error;

	if (mett_register_client(server->socket, &client, &error) ||
	    mett_action_create_path(client, "python", function, &options, &error))
		fail_mett("Python", &error);
	return client;
}

double python_parked_kib(const struct files *files)
{
	struct proc_tree tree = {0};
	struct server server;
	struct mett_result result;

	server_start(&server, files->server);
	struct mett_client *client = join(&server, files->python_imports);
	if (mett_action_invoke(client, "python", "x", 1, NULL, &result))
		fail_mett("Python", &result.error);
	mett_result_deinit(&result);
	for (unsigned ms = 0; ms < PATIENCE_MS && proc_workers(&tree) != PARKED; ms += 100) {
		pace_sleep_until(sys_clock_ns() + 100 * UINT64_C(1000000));
		proc_tree_read(&tree, server.pid);
	}
	double kib = proc_workers_kib(&tree);
	mett_client_free(client);
	server_stop(&server);
	proc_tree_deinit(&tree);
	return kib;
}

/* One of the clients that sleep, and where it is. */
struct sleeper {
	struct mett_client *client;
	unsigned done;
	uint64_t start;
};

static void fall_asleep(struct sleeper *sleeper)
{
	static const char ms[] = "50";
	struct mett_error error;

	sleeper->start = sys_clock_ns();
	if (mett_action_submit(sleeper->client, "python", ms, strlen(ms), NULL, 0, &error))
		fail_mett("Python", &error);
}

/* Takes what has come; returns whether it was a call, with its overhead in @ret. */
static bool awake(struct sleeper *sleeper, int64_t *ret)
{
	struct mett_result result;
	uint64_t token;

	if (mett_client_complete(sleeper->client, 0, &token, &result) != 1)
		return false;
	if (result.error.reason)
		fail_mett("Python", &result.error);
	*ret = (int64_t)(sys_clock_ns() - sleeper->start) - SLEEP_MS * INT64_C(1000000);
	mett_result_deinit(&result);
	sleeper->done++;
	return true;
}

static unsigned sleep_all(struct sleeper *sleepers, unsigned calls, int64_t *overheads)
{
	struct pollfd ready[CLIENTS];
	unsigned count = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		ready[i] = (struct pollfd){mett_client_fd(sleepers[i].client), POLLIN, 0};
		sleepers[i].done = 0;
		fall_asleep(&sleepers[i]);
	}
	while (count < CLIENTS * calls) {
		poll(ready, CLIENTS, -1);
		for (unsigned i = 0; i < CLIENTS; i++) {
			if (!ready[i].revents || !awake(&sleepers[i], &overheads[count]))
				continue;
			count++;
			if (sleepers[i].done < calls)
				fall_asleep(&sleepers[i]);
		}
	}
	return count;
}

void python_sleepers(const struct files *files, unsigned calls, struct python_load *ret)
{
	static int64_t overheads[CLIENTS * CALLS_MAX];
	struct sleeper sleepers[CLIENTS];
	struct server server;

	server_start(&server, files->server);
	for (unsigned i = 0; i < CLIENTS; i++)
		sleepers[i].client = join(&server, files->python_sleep);
	sleep_all(sleepers, 1, overheads); /* to warm up */
	uint64_t start = sys_clock_ns();
	unsigned count = sleep_all(sleepers, calls, overheads);
	uint64_t took = sys_clock_ns() - start;
	stats_sort(overheads, count);
	ret->overhead_us = (double)stats_percentile(overheads, count, 50) / 1000;
	ret->per_second = count * 1e9 / (double)took;
	for (unsigned i = 0; i < CLIENTS; i++)
		mett_client_free(sleepers[i].client);
	server_stop(&server);
}
