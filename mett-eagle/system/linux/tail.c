#include "tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* How much one call takes: who writes without end must not hold the session's thread. */
enum { CHUNKS_AT_ONCE = 16, CHUNK = 4 << 10 };

static void append(struct tail *tail, const char *data, size_t size)
{
	size_t keep = sizeof(tail->text) - size;

	if (tail->size > keep) {
		memmove(tail->text, tail->text + tail->size - keep, keep);
		tail->size = keep;
	}
	memcpy(tail->text + tail->size, data, size);
	tail->size += size;
}

/* Returns true when the pipe is empty and has writers. */
static bool drain(struct tail *tail)
{
	char data[CHUNK];

	for (int i = 0; i < CHUNKS_AT_ONCE; i++) {
		ssize_t size = read(tail->pipe, data, sizeof(data));

		if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
			/* All writers are gone: it would be readable for ever. */
			sys_loop_unwatch(tail->loop, &tail->watch);
			return false;
		}
		if (size < 0)
			return errno == EAGAIN;
		append(tail, data, (size_t)size);
	}
	return false;
}

void tail_drain(struct tail *tail)
{
	drain(tail);
}

bool tail_clear(struct tail *tail)
{
	sys_loop_unwatch(tail->loop, &tail->watch);
	bool empty = drain(tail);

	tail->size = 0;
	return empty;
}

static void pipe_ready(struct sys_watch *watch)
{
	tail_drain((struct tail *)watch);
}

int tail_init(struct tail *tail, struct sys_loop *loop, sys_cap *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	tail->watch = (struct sys_watch){.ready = pipe_ready, .cap = SYS_NO_CAP};
	tail->loop = loop;
	tail->pipe = ends[0];
	tail->size = 0;
	*ret_write = ends[1];
	return 0;
}

int tail_watch(struct tail *tail)
{
	if (tail->watch.cap != SYS_NO_CAP)
		return 0;
	return sys_loop_watch(tail->loop, &tail->watch, tail->pipe);
}

void tail_deinit(struct tail *tail)
{
	if (!tail->loop)
		return;
	sys_loop_unwatch(tail->loop, &tail->watch);
	close(tail->pipe);
	tail->loop = NULL;
}
