#include "reserve.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "../ipc.h"

/* Any kind will do. Returns 0 or a negative errno. */
static int fill(struct reserve *reserve)
{
	for (unsigned i = 0; i < FORK_MAX; i++) {
		if (reserve->fds[i] < 0)
			reserve->fds[i] = eventfd(0, EFD_CLOEXEC);
		if (reserve->fds[i] < 0)
			return -errno;
	}
	return 0;
}

static void empty(struct reserve *reserve)
{
	for (unsigned i = 0; i < FORK_MAX; i++) {
		sys_cap_close(reserve->fds[i]);
		reserve->fds[i] = -1;
	}
}

int reserve_init(struct reserve *reserve)
{
	pthread_mutex_init(&reserve->mutex, NULL);
	for (unsigned i = 0; i < FORK_MAX; i++)
		reserve->fds[i] = -1;
	int error = fill(reserve);
	if (error)
		reserve_deinit(reserve);
	return error;
}

void reserve_deinit(struct reserve *reserve)
{
	empty(reserve);
	pthread_mutex_destroy(&reserve->mutex);
}

void reserve_spend(struct reserve *reserve)
{
	pthread_mutex_lock(&reserve->mutex);
	empty(reserve);
}

void reserve_restore(struct reserve *reserve)
{
	atomic_store(&reserve->short_of, fill(reserve) != 0);
	pthread_mutex_unlock(&reserve->mutex);
}

void reserve_complete(struct reserve *reserve)
{
	if (!atomic_load_explicit(&reserve->short_of, memory_order_relaxed))
		return;
	pthread_mutex_lock(&reserve->mutex);
	reserve_restore(reserve);
}
