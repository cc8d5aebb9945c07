/*
 * Goes to a limit, and where there is one beyond it: its argument says which.
 * Answers how far it came and the errno it met there.
 */
#include "hostile.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TRIES = 2000, LENT = 100000 };

static void *own_window;

static int answer(long reached, int error)
{
	return faas_answer_format("{} {}", reached, error);
}

static int descriptors(void)
{
	int count = 0;

	while (count < TRIES && dup(0) >= 0)
		count++;
	int error = errno;
	close_range(HOSTILE_GATE + 1, ~0U, 0);
	return answer(count, error);
}

static void *wait_for_ever(void *unused)
{
	pause();
	return NULL;
}

static int threads(void)
{
	pthread_attr_t small;
	pthread_t thread;
	int count = 0, error = 0;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	while (count < TRIES && !(error = pthread_create(&thread, &small, wait_for_ever, NULL)))
		count++;
	return answer(count, error);
}

/* A dataspace lent for an answer: what it takes, and whether it can be made larger. */
static int file(void)
{
	struct message_dataspace ask = {{.type = MESSAGE_DATASPACE}, LENT};
	struct message_status status[8];
	struct sys_received received;
	char byte = 1;

	hostile_send(&ask, sizeof(ask), NULL, 0);
	sys_gate_wait(HOSTILE_GATE, 0, 0);
	if (sys_gate_recv(HOSTILE_GATE, status, sizeof(status), &received) || !received.cap_count)
		return faas_fail("no dataspace");
	int fd = received.caps[0];
	if (pwrite(fd, &byte, 1, LENT - 1) != 1)
		return faas_fail("cannot write to what was lent");
	ssize_t written = pwrite(fd, &byte, 1, 1L << 20);
	return answer(written, written < 0 ? errno : 0);
}

/* A larger mapping of the window has nothing behind its end: this is fatal. */
static int window(void)
{
	size_t size = sizeof(struct worker_window), larger = size + (1 << 20);
	char *moved = mremap(own_window, size, larger, MREMAP_MAYMOVE);

	if (moved == MAP_FAILED)
		return answer(0, errno);
	moved[larger - 1] = 1;
	return answer((long)larger, 0);
}

static const struct {
	const char *name;
	int (*go)(void);
} limits[] = {
	{"descriptors", descriptors},
	{"threads", threads},
	{"file", file},
	{"window", window},
};

int faas_main(const void *argument, size_t size)
{
	own_window = (char *)argument - offsetof(struct worker_window, serve.argument);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (hostile_is(argument, size, limits[i].name))
			return limits[i].go();
	return faas_fail("no limit of the name '{}'", fmt_bytes(argument, size));
}
