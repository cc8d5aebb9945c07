/*
 * A zygote's only work: to fork. What its workers get, a gate, a window and a log
 * for each, it keeps in seats, so that one worker after the other finds them there.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	/* Where the seats' descriptors lie, FORK_CAPS for each; a runtime keeps below. */
	SEATS_BEGIN = 64,
	SEATS_END = SEATS_BEGIN + (SEAT_NONE + 1) * FORK_CAPS,
};

/* What the C library registers, whatever it says is the part it uses. */
enum { RSEQ_AREA_SIZE = 32 };

_Static_assert((int)SEATS_END <= (int)METT_WORKER_FDS_MAX, "a zygote cannot hold its seats");

struct order {
	struct message_fork fixed;
	uint32_t seats[FORK_MAX];
};

int mett_worker_function_fd(void)
{
	size_t size;

	if (sys_dataspace_check(WORKER_FUNCTION, &size) ||
	    fcntl(WORKER_FUNCTION, F_SETFD, FD_CLOEXEC) < 0)
		mett_worker_die_without_function();
	return WORKER_FUNCTION;
}

static sys_cap cap_of(uint32_t seat, enum fork_cap cap)
{
	return (sys_cap)(SEATS_BEGIN + seat * FORK_CAPS + cap);
}

/* Which seats have a callee's window. */
static bool calls[SEAT_NONE + 1];

static void furnish(uint32_t seat, struct sys_received *received)
{
	for (unsigned i = 0; i < received->cap_count; i++)
		if (dup3(received->caps[i], cap_of(seat, i), O_CLOEXEC) < 0)
			mett_worker_die("cannot keep what was given");
	calls[seat] = received->cap_count > FORK_CALLEE;
	if (!calls[seat])
		sys_cap_close(cap_of(seat, FORK_CALLEE)); /* of an earlier one */
	sys_received_close(received);
}

static void take_order(struct order *ret)
{
	struct sys_received received;

	mett_worker_receive(MESSAGE_FORK, ret, sizeof(*ret), &received);
	unsigned count = ret->fixed.count;
	if (count > FORK_MAX || received.size != sizeof(ret->fixed) + count * sizeof(uint32_t) ||
	    (received.cap_count && (received.cap_count < FORK_CALLEE || count != 1)))
		mett_worker_die("the server asks for workers in a way that makes no sense");
	for (unsigned i = 0; i < count; i++)
		if (ret->seats[i] > SEAT_NONE)
			mett_worker_die("the server names a seat that is none");
	if (received.cap_count)
		furnish(ret->seats[0], &received);
}

/*
 * A child of this process's own parent, the server, which so learns itself how
 * the child ends. The system call, since no function of the C library does
 * this. The library's idea of this thread's id stays the zygote's: it serves as
 * the owner's mark in locks, where it need only differ from other threads'; and
 * that it does, since the zygote, whose id it is, is in the same pid namespace.
 */
static pid_t fork_sibling(int *handle)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, 0, handle, 0, 0);
}

static void close_all(const int *handles, unsigned count)
{
	while (count)
		sys_cap_close(handles[--count]);
}

/* Its own things go where a worker has them, and nobody else's stay. */
static void sit_down(uint32_t seat)
{
	sys_cap log = cap_of(seat, FORK_LOG);

	if (dup2(cap_of(seat, FORK_GATE), WORKER_GATE) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, WORKER_LOG) < 0)
		mett_worker_die("cannot arrange what was given");
	mett_worker_open_windows(cap_of(seat, FORK_WINDOW),
	                         calls[seat] ? cap_of(seat, FORK_CALLEE) : SYS_NO_CAP);
	close_range(SEATS_BEGIN, SEATS_END - 1, 0);
}

/*
 * Restartable sequences are for telling threads their processor; for them the kernel
 * writes to this process's memory whenever it comes back to it, and so to a page more
 * of each worker. The C library gets along without.
 */
static void end_rseq(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	if (__rseq_size)
		syscall(SYS_rseq, area, RSEQ_AREA_SIZE, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

void mett_worker_serve_forks(void)
{
	end_rseq();
	/* What the kernel shows of its clocks is then at hand in each worker too. */
	sys_clock_ns();
	for (;;) {
		struct message_forked reply = {.header.type = MESSAGE_FORKED};
		int handles[FORK_MAX];
		unsigned count = 0;
		struct order order;

		take_order(&order);
		for (; count < order.fixed.count; count++) {
			pid_t pid = fork_sibling(&handles[count]);

			if (pid == 0) {
				close_all(handles, count);
				sit_down(order.seats[count]);
				return;
			}
			if (pid < 0) {
				reply.error = -errno;
				break;
			}
		}
		reply.header.tag = order.fixed.header.tag;
		mett_worker_send(&reply, sizeof(reply), handles, count);
		close_all(handles, count);
		if (order.seats[0] == SEAT_NONE)
			close_range((unsigned)cap_of(SEAT_NONE, 0), SEATS_END - 1, 0);
	}
}
