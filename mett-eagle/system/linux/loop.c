#include "later.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64 };

/* What is watched together, and what of it has been taken from the kernel and not yet handled. */
struct watched {
	int epoll;
	struct epoll_event batch[BATCH];
	int next;
	int end;
};

struct sys_loop {
	struct watched now;
	struct watched patient;   /* is watched itself by the other, for one event at a time */
	struct sys_watch stir;    /* that there are patient ones to call */
	struct sys_watch woken;   /* from another thread */
	uint64_t patience_ends;   /* they are called then at the latest; 0: there are none */
	struct later *later;      /* to be run behind this turn's events */
	struct later *later_next; /* behind the next turn's */
	struct later *last;       /* before the thread sleeps */
};

/* Returns 0 or a negative errno. */
static int change(struct watched *watched, int what, uint32_t events, struct sys_watch *watch,
                  sys_cap cap)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(watched->epoll, what, cap, &event) < 0 ? -errno : 0;
}

static void stirred(struct sys_watch *watch)
{
	struct sys_loop *loop =
		(struct sys_loop *)((char *)watch - offsetof(struct sys_loop, stir));

	loop->patience_ends = sys_clock_ns() + PATIENCE_NS;
}

static void rung(struct sys_watch *watch)
{
	uint64_t count;

	/* Whoever rang wants no more than that the thread looks. */
	(void)!read(watch->cap, &count, sizeof(count));
}

int sys_loop_new(struct sys_loop **ret)
{
	struct sys_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->now.epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->patient.epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->stir = (struct sys_watch){stirred, loop->patient.epoll};
	loop->woken = (struct sys_watch){rung, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (loop->now.epoll < 0 || loop->patient.epoll < 0 || loop->woken.cap < 0 ||
	    change(&loop->now, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT, &loop->stir,
	           loop->stir.cap) ||
	    change(&loop->now, EPOLL_CTL_ADD, EPOLLIN, &loop->woken, loop->woken.cap)) {
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
	sys_cap_close(loop->now.epoll);
	sys_cap_close(loop->patient.epoll);
	sys_cap_close(loop->woken.cap);
	free(loop);
}

static void remove_from(struct later **list, struct later *later)
{
	while (*list && *list != later)
		list = &(*list)->next;
	if (*list)
		*list = later->next;
}

static void queue(struct later **list, struct later *later)
{
	if (later->queued)
		return;
	later->queued = true;
	later->next = *list;
	*list = later;
}

void later_queue(struct sys_loop *loop, struct later *later)
{
	queue(&loop->later_next, later);
}

void later_queue_last(struct sys_loop *loop, struct later *later)
{
	queue(&loop->last, later);
}

void later_cancel(struct sys_loop *loop, struct later *later)
{
	if (!later->queued)
		return;
	later->queued = false;
	remove_from(&loop->later, later);
	remove_from(&loop->later_next, later);
	remove_from(&loop->last, later);
}

static void run_all(struct later **list)
{
	while (*list) {
		struct later *later = *list;

		*list = later->next;
		later->queued = false;
		later->run(later);
	}
}

/* Returns the number of events, or a negative errno. */
static int take_events(struct watched *watched, const struct timespec *timeout)
{
	int count = epoll_pwait2(watched->epoll, watched->batch, BATCH, timeout, NULL);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	watched->next = 0;
	watched->end = count;
	return count;
}

static int wait_for_events(struct sys_loop *loop, uint64_t deadline_ns)
{
	struct timespec rest, *timeout = NULL;

	if (deadline_ns) {
		uint64_t now = sys_clock_ns(), left = deadline_ns > now ? deadline_ns - now : 0;

		rest = (struct timespec){(time_t)(left / 1000000000), (long)(left % 1000000000)};
		timeout = &rest;
	}
	return take_events(&loop->now, timeout);
}

static void handle_events(struct watched *watched)
{
	while (watched->next < watched->end) {
		struct epoll_event *event = &watched->batch[watched->next++];
		struct sys_watch *watch = event->data.ptr;

		if (event->events) /* not removed by an earlier handler of this batch */
			watch->ready(watch);
	}
	watched->next = watched->end = 0;
}

/* Call the patient ones, and be told of the next. */
static int call_patient(struct sys_loop *loop)
{
	static const struct timespec none;
	int count = take_events(&loop->patient, &none);

	if (count < 0)
		return count;
	handle_events(&loop->patient);
	loop->patience_ends = 0;
	return change(&loop->now, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT, &loop->stir,
	              loop->stir.cap);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a && b ? (a < b ? a : b) : a | b;
}

int sys_loop_run(struct sys_loop *loop, uint64_t deadline_ns)
{
	run_all(&loop->last);
	loop->later = loop->later_next;
	loop->later_next = NULL;
	if (loop->later)
		deadline_ns = sooner(deadline_ns, sys_clock_ns() + LATER_NS);
	int count = wait_for_events(loop, sooner(deadline_ns, loop->patience_ends));

	if (count < 0)
		return count;
	/* Whoever is awake need not be patient; and what is over may be of use to what is to come.
	 */
	int error = loop->patience_ends ? call_patient(loop) : 0;
	if (error)
		return error;
	handle_events(&loop->now);
	run_all(&loop->later);
	return 0;
}

void sys_loop_wake(struct sys_loop *loop)
{
	uint64_t one = 1;

	/* The only failure is a counter already full, and then the loop is awake. */
	if (write(loop->woken.cap, &one, sizeof(one)) < 0)
		return;
}

static int watch_in(struct watched *watched, struct sys_watch *watch, sys_cap cap)
{
	int error = change(watched, EPOLL_CTL_ADD, EPOLLIN, watch, cap);

	if (!error)
		watch->cap = cap;
	return error;
}

static void unwatch_in(struct watched *watched, struct sys_watch *watch)
{
	if (watch->cap == SYS_NO_CAP)
		return;
	change(watched, EPOLL_CTL_DEL, 0, NULL, watch->cap);
	watch->cap = SYS_NO_CAP;
	for (int i = watched->next; i < watched->end; i++)
		if (watched->batch[i].data.ptr == watch)
			watched->batch[i].events = 0;
}

int sys_loop_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap)
{
	return watch_in(&loop->now, watch, cap);
}

void sys_loop_watch_for(struct sys_loop *loop, struct sys_watch *watch, enum sys_watch_for what)
{
	static const uint32_t events[] = {
		[SYS_FOR_READING] = EPOLLIN,
		[SYS_FOR_WRITING] = EPOLLOUT,
		[SYS_FOR_NOTHING] = EPOLLONESHOT,
	};

	change(&loop->now, EPOLL_CTL_MOD, events[what], watch, watch->cap);
}

void sys_loop_unwatch(struct sys_loop *loop, struct sys_watch *watch)
{
	unwatch_in(&loop->now, watch);
}

int later_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap)
{
	return watch_in(&loop->patient, watch, cap);
}

void later_unwatch(struct sys_loop *loop, struct sys_watch *watch)
{
	unwatch_in(&loop->patient, watch);
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

int sys_gate_peer(sys_cap gate, uint32_t *ret_user)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(gate, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret_user = peer.uid;
	return 0;
}

uint32_t sys_user(void)
{
	return getuid();
}

uint64_t sys_calendar_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
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
