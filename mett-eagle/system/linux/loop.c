#include "later.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64 };

struct sys_loop {
	int epoll;
	int wake;
	/* Events taken from the kernel and not yet handled; removal clears them here. */
	struct epoll_event batch[BATCH];
	int batch_next;
	int batch_end;
	struct later *later;      /* to be run behind this turn's events */
	struct later *later_next; /* behind the next turn's */
};

int sys_loop_new(struct sys_loop **ret)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	struct sys_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->wake < 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) < 0) {
		int error = -errno;

		sys_loop_free(loop);
		return error;
	}
	*ret = loop;
	return 0;
}

void sys_loop_free(struct sys_loop *loop)
{
	if (!loop)
		return;
	sys_cap_close(loop->epoll);
	sys_cap_close(loop->wake);
	free(loop);
}

static int wait_for_events(struct sys_loop *loop, uint64_t deadline_ns)
{
	struct timespec rest, *timeout = NULL;

	if (deadline_ns) {
		uint64_t now = sys_clock_ns(), left = deadline_ns > now ? deadline_ns - now : 0;

		rest = (struct timespec){(time_t)(left / 1000000000), (long)(left % 1000000000)};
		timeout = &rest;
	}
	int count = epoll_pwait2(loop->epoll, loop->batch, BATCH, timeout, NULL);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	return count;
}

static void remove_from(struct later **list, struct later *later)
{
	while (*list && *list != later)
		list = &(*list)->next;
	if (*list)
		*list = later->next;
}

void later_queue(struct sys_loop *loop, struct later *later)
{
	if (later->queued)
		return;
	later->queued = true;
	later->next = loop->later_next;
	loop->later_next = later;
}

void later_cancel(struct sys_loop *loop, struct later *later)
{
	if (!later->queued)
		return;
	later->queued = false;
	remove_from(&loop->later, later);
	remove_from(&loop->later_next, later);
}

static void run_later(struct sys_loop *loop)
{
	while (loop->later) {
		struct later *later = loop->later;

		loop->later = later->next;
		later->queued = false;
		later->run(later);
	}
}

int sys_loop_run(struct sys_loop *loop, uint64_t deadline_ns)
{
	loop->later = loop->later_next;
	loop->later_next = NULL;
	if (loop->later) {
		uint64_t soon = sys_clock_ns() + LATER_NS;

		deadline_ns = deadline_ns && deadline_ns < soon ? deadline_ns : soon;
	}
	int count = wait_for_events(loop, deadline_ns);

	if (count < 0)
		return count;
	loop->batch_end = count;
	for (loop->batch_next = 0; loop->batch_next < loop->batch_end;) {
		struct epoll_event *event = &loop->batch[loop->batch_next++];
		struct sys_watch *watch = event->data.ptr;
		uint64_t rung;

		if (!event->events)
			continue; /* removed by an earlier handler of this batch */
		if (watch)
			watch->ready(watch);
		else if (read(loop->wake, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
			return -errno;
	}
	loop->batch_end = 0;
	run_later(loop);
	return 0;
}

void sys_loop_wake(struct sys_loop *loop)
{
	uint64_t one = 1;

	/* The only failure is a counter already full, and then the loop is awake. */
	if (write(loop->wake, &one, sizeof(one)) < 0)
		return;
}

int sys_loop_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, cap, &event) < 0)
		return -errno;
	watch->cap = cap;
	return 0;
}

void sys_loop_watch_write(struct sys_loop *loop, struct sys_watch *watch, int write)
{
	struct epoll_event event = {.events = write ? EPOLLOUT : EPOLLIN, .data.ptr = watch};

	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->cap, &event);
}

void sys_loop_unwatch(struct sys_loop *loop, struct sys_watch *watch)
{
	if (watch->cap == SYS_NO_CAP)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->cap, NULL);
	watch->cap = SYS_NO_CAP;
	for (int i = loop->batch_next; i < loop->batch_end; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].events = 0;
}

int sys_gate_accept(sys_cap door, sys_cap *ret)
{
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? SYS_AGAIN
		                                                                  : -errno;
	*ret = fd;
	return 0;
}

int sys_core_pin(unsigned core)
{
	cpu_set_t set;

	if (core >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}
