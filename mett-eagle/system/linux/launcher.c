#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <protocol/protocol.h>

#include "../loop.h"
#include "filter.h"
#include "first.h"
#include "granted.h"
#include "process.h"
#include "root.h"

enum {
	REQUEST_WAIT_NS = 1000000000,
	BIRTH_STACK = 64 << 10,
#ifdef __SANITIZE_THREAD__
	/* It keeps its books in our memory, and would enter the child's deeds as the thread's. */
	BIRTH_FLAGS = CLONE_PARENT,
#else
	BIRTH_FLAGS = CLONE_PARENT | CLONE_VM | CLONE_VFORK,
#endif
};

#define NAMESPACES_NEW                                                                             \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)

/* A sandbox that no program is in: its init, which holds the namespaces. */
struct empty {
	int init;   /* pidfd */
	int tenant; /* pipe to it: a byte when a program moves in; closed without one it ends */
};

/* State of the launcher process. */
struct workshop {
	struct root root;
	struct runtime runtimes[METT_LANGUAGE_COUNT];
	struct granted granted;
	struct sock_fprog filter[FILTER_KINDS];
	sys_cap requests;
	sys_cap life;
	unsigned made;
	cpu_set_t cores; /* where we may run */
	unsigned spares_wanted, spare_count;
	struct empty spare[LAUNCH_SPARES_MAX];
};

/*
 * What the C library's fork() cannot do: namespaces. Nothing of what it adds is
 * missed: no lock is held here by anyone else.
 */
static pid_t clone_init(int *pidfd)
{
	struct clone_args args = {
		.flags = NAMESPACES_NEW | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.pidfd = (uintptr_t)pidfd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : pid;
}

static void empty_free(struct empty *empty)
{
	process_kill(empty->init);
	close(empty->init);
	close(empty->tenant);
}

static int empty_new(struct workshop *shop, struct empty *ret, const char **step)
{
	int init = -1, tenant[2];

	*step = "make a pipe";
	if (pipe2(tenant, O_CLOEXEC) < 0)
		return -errno;
	*step = "make namespaces";
	pid_t pid = clone_init(&init);
	if (pid == 0)
		first_init(shop->life, tenant);
	close(tenant[0]);
	if (pid < 0) {
		close(tenant[1]);
		return pid;
	}
	*ret = (struct empty){init, tenant[1]};
	*step = "map user ids";
	int error = root_map_ids(&shop->root, pid, shop->made++);
	if (!error && write(ret->tenant, "", 1) < 0)
		error = -errno;
	if (error)
		empty_free(ret);
	return error;
}

/*
 * Nothing of a sandbox but its program depends on who asks for it. So some are made
 * ahead, when nobody waits. Returns true when there is one more.
 */
static bool make_spare(struct workshop *shop)
{
	const char *step;

	if (shop->spare_count >= shop->spares_wanted ||
	    empty_new(shop, &shop->spare[shop->spare_count], &step))
		return false;
	shop->spare_count++;
	return true;
}

/* Whoever may signal it, or is short of memory, can have ended it meanwhile. */
static bool is_alive(const struct empty *empty)
{
	struct pollfd init = {.fd = empty->init, .events = POLLIN};

	return poll(&init, 1, 0) == 0;
}

static int empty_take(struct workshop *shop, struct empty *ret, const char **step)
{
	while (shop->spare_count) {
		struct empty *last = &shop->spare[--shop->spare_count];

		if (is_alive(last)) {
			*ret = *last;
			return 0;
		}
		empty_free(last);
	}
	return empty_new(shop, ret, step);
}

/* NULL: the action's program needs none. */
static const struct runtime *runtime_of(const struct workshop *shop,
                                        const struct launch_request *request)
{
	return request->language ? &shop->runtimes[request->language] : NULL;
}

static enum filter_kind filter_of(const struct launch_request *request)
{
	bool zygote = request->mode == LAUNCH_ZYGOTE;

	if (request->language == METT_LANGUAGE_EXEC ||
	    request->language == METT_LANGUAGE_ACTIONLOOP)
		return FILTER_EXEC;
	if (request->language || request->grants)
		return zygote ? FILTER_RUNTIME_ZYGOTE : FILTER_RUNTIME_WORKER;
	return zygote ? FILTER_ZYGOTE : FILTER_WORKER;
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

static int be_born(void *data)
{
	const struct birth *birth = data;
	const struct workshop *shop = birth->shop;

	first_program(&shop->root, runtime_of(shop, birth->request),
	              &shop->filter[filter_of(birth->request)], birth->init, birth->request,
	              birth->caps);
}

static void *give_birth(void *data)
{
	_Alignas(16) char stack[BIRTH_STACK];
	struct birth *birth = data;

	/* It starts where it stays, and need not wait for what we do behind it elsewhere. */
	birth->step = "pin to core";
	if ((birth->error = sys_core_pin(birth->request->core)))
		return NULL;
	birth->step = "enter the files it was granted";
	if (birth->request->grants & METT_GRANT_SYSTEM &&
	    (birth->error = granted_enter(&birth->shop->granted)))
		return NULL;
	birth->step = "enter the pid namespace";
	if (setns(birth->init, CLONE_NEWPID) < 0) {
		birth->error = -errno;
		return NULL;
	}
	birth->step = "make the first process";
	/*
	 * The server's child, not ours: it shall see how its workers end. It borrows our
	 * memory, while we wait, until it is another program: a copy takes longer than all
	 * it does in it.
	 */
	if (clone(be_born, stack + sizeof(stack), BIRTH_FLAGS, birth) < 0)
		birth->error = -errno;
	return NULL;
}

/*
 * Who has entered a pid namespace for its children cannot leave it again without
 * rights over the one it came from, which an ordinary user's launcher has not. But
 * it is a thread that enters: so one is made for it, and is gone when we go on. The
 * same goes for the mount namespace of what is granted.
 */
static int make_sandbox(struct workshop *shop, const struct launch_request *request,
                        const sys_cap caps[LAUNCH_CAPS], const char **step)
{
	struct birth birth = {.shop = shop, .request = request, .caps = caps};
	struct empty empty;
	pthread_t thread;

	int error = empty_take(shop, &empty, step);
	if (error)
		return error;
	birth.init = empty.init;
	birth.step = "make a thread";
	error = -pthread_create(&thread, NULL, give_birth, &birth);
	if (!error) {
		pthread_join(thread, NULL);
		error = birth.error;
	}
	*step = birth.step;
	if (!error && write(empty.tenant, "", 1) < 0)
		error = -errno;
	if (error)
		process_kill(empty.init);
	close(empty.init);
	close(empty.tenant);
	return error;
}

/* What is done ahead shall not cost who asked last, where there is another core for it. */
static void leave_core(const struct workshop *shop, unsigned core)
{
	cpu_set_t others = shop->cores;

	if (core < CPU_SETSIZE)
		CPU_CLR(core, &others);
	if (CPU_COUNT(&others))
		sched_setaffinity(0, sizeof(others), &others);
	else
		sched_yield();
}

static void obey(struct workshop *shop, const struct launch_request *request,
                 const struct sys_received *got)
{
	sys_cap caps[LAUNCH_CAPS] = {SYS_NO_CAP, SYS_NO_CAP, SYS_NO_CAP, SYS_NO_CAP};
	const struct runtime *runtime = runtime_of(shop, request);
	const char *step, *missing = NULL;

	memcpy(caps, got->caps, got->cap_count * sizeof(*caps));
	if (runtime && runtime->program < 0)
		missing = runtime->missing;
	else if (request->grants & METT_GRANT_SYSTEM && shop->granted.mounts < 0)
		missing = shop->granted.missing;
	if (missing) {
		first_tell_failure(caps[LAUNCH_GATE], missing, 0);
		return;
	}
	int error = make_sandbox(shop, request, caps, &step);
	if (error)
		first_tell_failure(caps[LAUNCH_GATE], step, error);
	leave_core(shop, request->core);
}

static bool is_request(const struct launch_request *request, const struct sys_received *got)
{
	size_t fixed = offsetof(struct launch_request, environment);

	return got->cap_count >= LAUNCH_WINDOW && got->size >= fixed &&
	       request->environment_size <= METT_ENVIRONMENT_MAX &&
	       got->size == fixed + request->environment_size;
}

static void serve(struct workshop *shop)
{
	struct launch_request request;
	struct sys_received got;

	for (;;) {
		int result = sys_gate_recv(shop->requests, &request, sizeof(request), &got);

		if (result == SYS_AGAIN) {
			if (!make_spare(shop))
				sys_gate_wait(shop->requests, 0, 0);
			continue;
		}
		if (result)
			return; /* the server is gone */
		if (is_request(&request, &got))
			obey(shop, &request, &got);
		sys_received_close(&got);
		/* The inits made from now on are copies of us, in the sandboxes of others. */
		explicit_bzero(&request, sizeof(request));
	}
}

/* A sandbox's init alone needs every right there is; it ends at once. */
static int try_once(struct workshop *shop, char *why, size_t size)
{
	struct empty empty;
	const char *step;
	int error = empty_new(shop, &empty, &step);

	if (!error) {
		empty_free(&empty);
		return 0;
	}
	fmt_format(why, size,
	           "cannot {} for a sandbox: {}; the kernel must allow user, pid, mount, net, ipc, "
	           "uts and cgroup namespaces (see sysctl user.max_*_namespaces)",
	           step, strerror(-error));
	return error;
}

static void open_runtimes(struct workshop *shop, const struct runtime_paths *paths)
{
	static const char *const options[METT_LANGUAGE_COUNT] = {
		[METT_LANGUAGE_PYTHON] = "python",
		[METT_LANGUAGE_EXEC] = "exec",
		[METT_LANGUAGE_ACTIONLOOP] = "exec",
	};

	for (int language = 0; language < METT_LANGUAGE_COUNT; language++)
		if (options[language])
			runtime_open(&shop->runtimes[language], options[language],
			             paths->program[language]);
}

static int set_up(struct workshop *shop, const struct runtime_paths *runtimes, char *why,
                  size_t size)
{
	for (int kind = 0; kind < FILTER_KINDS; kind++) {
		int error = filter_new(kind, &shop->filter[kind]);

		if (error) {
			fmt_format(why, size, "cannot compile the seccomp filter: {}",
			           strerror(-error));
			return error;
		}
	}
	int error = root_prepare(&shop->root, why, size);
	if (!error) {
		open_runtimes(shop, runtimes);
		granted_open(&shop->granted, &shop->root);
		error = root_enter(why, size);
	}
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

__attribute__((noreturn)) static void launcher_main(sys_cap requests, sys_cap life, unsigned spares,
                                                    const struct runtime_paths *runtimes)
{
	keep_only(&requests, &life);
	struct workshop shop = {.requests = requests, .life = life, .spares_wanted = spares};
	struct {
		int32_t error;
		char why[METT_MESSAGE_MAX];
	} first = {0};

	prctl(PR_SET_NAME, "mett-launcher");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* inits are ours, and nobody asks how they ended */
	signal(SIGINT, SIG_IGN);  /* Ctrl-C is the server's to handle; we end when it does */
	signal(SIGTERM, SIG_IGN);
	sched_getaffinity(0, sizeof(shop.cores), &shop.cores);
	first.error = set_up(&shop, runtimes, first.why, sizeof(first.why));
	sys_gate_send(requests, &first, sizeof(first), NULL, 0);
	if (!first.error)
		serve(&shop);
	_exit(first.error ? 1 : 0);
}

int launcher_start(struct launcher *ret, unsigned spares, const struct runtime_paths *runtimes,
                   char *why, size_t size)
{
	struct {
		int32_t error;
		char why[METT_MESSAGE_MAX];
	} first = {.error = -EPIPE,
	           .why = "the launcher died at its start; see 'ulimit -n' and 'ulimit -u'"};
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
		launcher_main(requests[1], life[1], spares, runtimes);
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
	size_t size = offsetof(struct launch_request, environment) + request->environment_size;
	uint64_t deadline = sys_clock_ns() + REQUEST_WAIT_NS;
	int result;

	while ((result = sys_gate_send(launcher->gate, request, size, caps, count)) == SYS_AGAIN) {
		if (sys_gate_wait(launcher->gate, 1, deadline) == SYS_AGAIN)
			return -EAGAIN;
	}
	return result == SYS_CLOSED ? -EPIPE : result;
}
