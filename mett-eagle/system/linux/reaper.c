#include "reaper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include <protocol/protocol.h>

#include "ipc.h"
#include "process.h"

struct reaper {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct corpse *list;
	bool stop;
	cpu_set_t cores; /* where the server may run */
};

/*
 * Who ordered the sandbox left before it was there. The launcher's work cannot be
 * called back, so it is ended as soon as it is told of. Returns true if it never will be.
 */
static bool await_birth(struct corpse *corpse)
{
	_Alignas(8) char data[MESSAGE_MAX];
	struct sys_received got;
	int result = gate_recv_whole(corpse->gate, data, sizeof(data), &got);

	/* Cut: there are no descriptors for it now. */
	if (result == SYS_AGAIN || result == SYS_CUT)
		return false;
	if (result)
		return true;
	if (message_check(data, got.size, got.cap_count, FROM_ZYGOTE) != MESSAGE_BUILT) {
		sys_received_close(&got);
		return true;
	}
	corpse->init = got.caps[0];
	corpse->first = got.caps[1];
	corpse->group = process_id(corpse->first);
	process_kill(corpse->init);
	return false;
}

/* Wait for all that have ended and nobody else waits for. */
static void wait_for_members(struct corpse *corpse)
{
	siginfo_t info;

	do
		info.si_pid = 0;
	while (corpse->group > 0 &&
	       waitid(P_PGID, (id_t)corpse->group, &info, WEXITED | WNOHANG | __WALL) == 0 &&
	       info.si_pid);
	/* It may have died before it had its group. */
	waitid(P_PIDFD, (id_t)corpse->first, NULL, WEXITED | WNOHANG | __WALL);
}

/*
 * The init's death kills the rest, and is complete when we have waited for all
 * of them: they are our children. Then it becomes readable, and nobody is left.
 */
static bool bury(struct corpse *corpse)
{
	struct pollfd init = {.events = POLLIN};

	if (corpse->init < 0) {
		if (!await_birth(corpse))
			return false;
	} else {
		init.fd = corpse->init;
		bool gone = poll(&init, 1, 0) > 0;
		wait_for_members(corpse);
		if (!gone)
			return false;
	}
	sys_cap_close(corpse->init);
	sys_cap_close(corpse->first);
	sys_cap_close(corpse->gate);
	free(corpse);
	return true;
}

/* Those that cannot be buried yet stay in the list. */
static void bury_all(struct corpse **list)
{
	while (*list) {
		struct corpse *next = (*list)->next;

		if (bury(*list))
			*list = next;
		else
			list = &(*list)->next;
	}
}

static void *reaper_main(void *data)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	struct reaper *reaper = data;
	struct corpse *dying = NULL;

	pthread_mutex_lock(&reaper->mutex);
	while (dying || reaper->list || !reaper->stop) {
		if (!dying && !reaper->list) {
			pthread_cond_wait(&reaper->changed, &reaper->mutex);
			continue;
		}
		struct corpse **end = &dying;
		while (*end)
			end = &(*end)->next;
		*end = reaper->list;
		reaper->list = NULL;
		pthread_mutex_unlock(&reaper->mutex);
		bury_all(&dying);
		if (dying)
			nanosleep(&pause, NULL);
		pthread_mutex_lock(&reaper->mutex);
	}
	pthread_mutex_unlock(&reaper->mutex);
	return NULL;
}

int reaper_new(struct reaper **ret)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));

	if (!reaper)
		return -ENOMEM;
	pthread_mutex_init(&reaper->mutex, NULL);
	pthread_cond_init(&reaper->changed, NULL);
	sched_getaffinity(0, sizeof(reaper->cores), &reaper->cores);
	int error = -pthread_create(&reaper->thread, NULL, reaper_main, reaper);
	if (error) {
		free(reaper);
		return error;
	}
	*ret = reaper;
	return 0;
}

void reaper_free(struct reaper *reaper)
{
	if (!reaper)
		return;
	pthread_mutex_lock(&reaper->mutex);
	reaper->stop = true;
	pthread_cond_signal(&reaper->changed);
	pthread_mutex_unlock(&reaper->mutex);
	pthread_join(reaper->thread, NULL);
	pthread_cond_destroy(&reaper->changed);
	pthread_mutex_destroy(&reaper->mutex);
	free(reaper);
}

void reaper_take(struct reaper *reaper, struct corpse *corpse)
{
	/* What its end costs, and what the kernel has to do behind it, fits on any core. */
	if (corpse->group > 0)
		sched_setaffinity(corpse->group, sizeof(reaper->cores), &reaper->cores);
	if (corpse->init >= 0)
		process_kill(corpse->init);
	pthread_mutex_lock(&reaper->mutex);
	corpse->next = reaper->list;
	reaper->list = corpse;
	pthread_cond_signal(&reaper->changed);
	pthread_mutex_unlock(&reaper->mutex);
}
