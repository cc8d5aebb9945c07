#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <protocol/protocol.h>

#include "filter.h"
#include "first.h"
#include "process.h"
#include "root.h"

enum { REQUEST_WAIT_NS = 1000000000 };

#define NAMESPACES_NEW                                                                             \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)

/* State of the launcher process. */
struct workshop {
	struct root root;
	struct sock_fprog filter[FILTER_KINDS];
	sys_cap requests;
	sys_cap life;
	unsigned made;
};

/*
 * What the C library's fork() cannot do: namespaces, and children of our parent.
 * Nothing of what fork() adds is missed: no lock is held here by anyone else.
 */
static pid_t clone_process(uint64_t flags, int exit_signal, int *pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.exit_signal = (unsigned)exit_signal,
		.pidfd = (uintptr_t)pidfd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : pid;
}

/* Returns the pidfd of the sandbox's init, or a negative errno with @step. */
static int make_init(struct workshop *shop, const char **step)
{
	int init = -1, mapped[2];

	*step = "make a pipe";
	if (pipe2(mapped, O_CLOEXEC) < 0)
		return -errno;
	*step = "make namespaces";
	pid_t pid = clone_process(NAMESPACES_NEW, SIGCHLD, &init);
	if (pid < 0) {
		close(mapped[0]);
		close(mapped[1]);
		return pid;
	}
	if (pid == 0)
		first_init(shop->life, mapped);
	*step = "map user ids";
	int error = root_map_ids(&shop->root, pid, shop->made++);
	if (!error && write(mapped[1], "", 1) < 0)
		error = -errno;
	close(mapped[0]);
	close(mapped[1]);
	if (error) {
		process_kill(init);
		close(init);
		return error;
	}
	return init;
}

/* What the thread that makes a first process needs, and what came of it. */
struct birth {
	struct workshop *shop;
	const struct launch_request *request;
	const sys_cap *caps;
	int init;
	const char *step;
	int error;
};

static void *give_birth(void *data)
{
	struct birth *birth = data;
	int unused;

	birth->step = "enter the pid namespace";
	if (setns(birth->init, CLONE_NEWPID) < 0) {
		birth->error = -errno;
		return NULL;
	}
	birth->step = "make the first process";
	/* The server's child, not ours: it shall see how its workers end. */
	pid_t pid = clone_process(CLONE_PARENT, 0, &unused);
	if (pid == 0)
		first_program(&birth->shop->root, &birth->shop->filter[birth->request->mode],
		              birth->init, birth->request, birth->caps);
	if (pid > 0)
		close(unused);
	else
		birth->error = pid;
	return NULL;
}

/*
 * Who has entered a pid namespace for its children cannot leave it again without
 * rights over the one it came from, which an ordinary user's launcher has not. But
 * it is a thread that enters: so one is made for it, and is gone when we go on.
 */
static int make_sandbox(struct workshop *shop, const struct launch_request *request,
                        const sys_cap caps[LAUNCH_CAPS], const char **step)
{
	struct birth birth = {.shop = shop, .request = request, .caps = caps};
	pthread_t thread;

	birth.init = make_init(shop, step);
	if (birth.init < 0)
		return birth.init;
	birth.step = "make a thread";
	birth.error = -pthread_create(&thread, NULL, give_birth, &birth);
	if (!birth.error)
		pthread_join(thread, NULL);
	*step = birth.step;
	if (birth.error)
		process_kill(birth.init);
	close(birth.init);
	return birth.error;
}

static void serve(struct workshop *shop)
{
	struct launch_request request;
	struct sys_received got;
	const char *step;

	for (;;) {
		int result = sys_gate_recv(shop->requests, &request, sizeof(request), &got);

		if (result == SYS_AGAIN) {
			sys_gate_wait(shop->requests, 0, 0);
			continue;
		}
		if (result)
			return; /* the server is gone */
		if (got.size == sizeof(request) && got.cap_count >= LAUNCH_WINDOW) {
			sys_cap caps[LAUNCH_CAPS] = {SYS_NO_CAP, SYS_NO_CAP, SYS_NO_CAP,
			                             SYS_NO_CAP};

			memcpy(caps, got.caps, got.cap_count * sizeof(*caps));
			int error = make_sandbox(shop, &request, caps, &step);
			if (error)
				first_tell_failure(caps[LAUNCH_GATE], step, error);
		}
		sys_received_close(&got);
	}
}

/* A sandbox's init alone needs every right there is; it ends at once. */
static int try_once(struct workshop *shop, char *why, size_t size)
{
	const char *step;
	int init = make_init(shop, &step);

	if (init >= 0) {
		process_kill(init);
		close(init);
		return 0;
	}
	fmt_format(why, size,
	           "cannot {} for a sandbox: {}; the kernel must allow user, pid, mount, net, ipc, "
	           "uts and cgroup namespaces (see sysctl user.max_*_namespaces)",
	           step, strerror(-init));
	return init;
}

static int set_up(struct workshop *shop, char *why, size_t size)
{
	for (int kind = 0; kind < FILTER_KINDS; kind++) {
		int error = filter_new(kind, &shop->filter[kind]);

		if (error) {
			fmt_format(why, size, "cannot compile the seccomp filter: {}",
			           strerror(-error));
			return error;
		}
	}
	int error = root_enter(&shop->root, why, size);
	return error ? error : try_once(shop, why, size);
}

/* Whatever else this process inherited is the server's, and must close when that does. */
static void keep_only(sys_cap *requests, sys_cap *life)
{
	int high_requests = fcntl(*requests, F_DUPFD_CLOEXEC, 64);
	int high_life = fcntl(*life, F_DUPFD_CLOEXEC, 64);

	close_range(STDERR_FILENO + 1, 63, 0);
	*requests = dup3(high_requests, STDERR_FILENO + 1, O_CLOEXEC);
	*life = dup3(high_life, STDERR_FILENO + 2, O_CLOEXEC);
	close_range(STDERR_FILENO + 3, ~0U, 0);
}

__attribute__((noreturn)) static void launcher_main(sys_cap requests, sys_cap life)
{
	keep_only(&requests, &life);
	struct workshop shop = {.requests = requests, .life = life};
	struct {
		int32_t error;
		char why[METT_MESSAGE_MAX];
	} first = {0};

	prctl(PR_SET_NAME, "mett-launcher");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* inits are ours, and nobody asks how they ended */
	signal(SIGINT, SIG_IGN);  /* Ctrl-C is the server's to handle; we end when it does */
	signal(SIGTERM, SIG_IGN);
	first.error = set_up(&shop, first.why, sizeof(first.why));
	sys_gate_send(requests, &first, sizeof(first), NULL, 0);
	if (!first.error)
		serve(&shop);
	_exit(first.error ? 1 : 0);
}

int launcher_start(struct launcher *ret, char *why, size_t size)
{
	struct {
		int32_t error;
		char why[METT_MESSAGE_MAX];
	} first = {.error = -EPIPE, .why = "the launcher died at its start"};
	sys_cap requests[2], life[2];
	struct sys_received got;
	int error = sys_gate_pair(requests);

	if (error)
		goto no_gate;
	error = sys_gate_pair(life);
	if (error)
		goto no_life;
	pid_t pid = fork();
	if (pid < 0) {
		error = -errno;
		goto no_fork;
	}
	if (pid == 0) {
		close(requests[0]);
		close(life[0]);
		launcher_main(requests[1], life[1]);
	}
	close(requests[1]);
	close(life[1]);
	*ret = (struct launcher){.pid = pid, .gate = requests[0], .life = life[0]};
	sys_gate_wait(ret->gate, 0, 0);
	sys_gate_recv(ret->gate, &first, sizeof(first), &got);
	if (first.error) {
		fmt_format(why, size, "{}", first.why);
		launcher_stop(ret);
	}
	return first.error;
no_fork:
	close(life[0]);
	close(life[1]);
no_life:
	close(requests[0]);
	close(requests[1]);
no_gate:
	fmt_format(why, size, "cannot start the launcher: {}", strerror(-error));
	return error;
}

void launcher_stop(struct launcher *launcher)
{
	close(launcher->gate);
	close(launcher->life);
	waitpid(launcher->pid, NULL, 0);
}

int launcher_request(const struct launcher *launcher, const struct launch_request *request,
                     const sys_cap caps[LAUNCH_CAPS])
{
	unsigned count = caps[LAUNCH_WINDOW] == SYS_NO_CAP ? LAUNCH_WINDOW : LAUNCH_CAPS;
	uint64_t deadline = sys_clock_ns() + REQUEST_WAIT_NS;
	int result;

	while ((result = sys_gate_send(launcher->gate, request, sizeof(*request), caps, count)) ==
	       SYS_AGAIN) {
		if (sys_gate_wait(launcher->gate, 1, deadline) == SYS_AGAIN)
			return -EAGAIN;
	}
	return result == SYS_CLOSED ? -EPIPE : result;
}
