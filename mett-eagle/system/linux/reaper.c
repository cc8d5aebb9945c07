#include "reaper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct reaper {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct corpse *list;
	bool stop;
};

/*
 * The init's death kills the rest, and is complete when we have waited for all
 * of them: they are our children. Then it becomes readable, and nobody is left.
 */
static void bury(struct corpse *corpse)
{
	struct pollfd init = {.fd = corpse->init, .events = POLLIN};
	bool gone;

	do {
		siginfo_t info;

		gone = poll(&init, 1, 1) > 0;
		do
			info.si_pid = 0;
		while (corpse->group &&
		       waitid(P_PGID, (id_t)corpse->group, &info, WEXITED | WNOHANG | __WALL) == 0 &&
		       info.si_pid);
	} while (!gone);
	close(corpse->init);
	free(corpse);
}

static void *reaper_main(void *data)
{
	struct reaper *reaper = data;

	pthread_mutex_lock(&reaper->mutex);
	for (;;) {
		struct corpse *list = reaper->list;

		if (!list) {
			if (reaper->stop)
				break;
			pthread_cond_wait(&reaper->changed, &reaper->mutex);
			continue;
		}
		reaper->list = NULL;
		pthread_mutex_unlock(&reaper->mutex);
		while (list) {
			struct corpse *next = list->next;

			bury(list);
			list = next;
		}
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
	syscall(SYS_pidfd_send_signal, corpse->init, SIGKILL, NULL, 0);
	pthread_mutex_lock(&reaper->mutex);
	corpse->next = reaper->list;
	reaper->list = corpse;
	pthread_cond_signal(&reaper->changed);
	pthread_mutex_unlock(&reaper->mutex);
}
