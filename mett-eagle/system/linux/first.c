#include "first.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <protocol/protocol.h>

#include "granted.h"
#include "memory.h"
#include "rights.h"
#include "tree.h"

enum {
	FD_GATE = 3, /* what worker.h's implementation expects: see worker/ */
	FD_WINDOW = 4,
	FD_FUNCTION = 5,
	FD_LIFE = 3, /* of an init, and those of one that is not used yet */
	FD_TENANT = 4,
	FD_SAFE = 16, /* above all that have a place of their own */
	/* Processes and threads of one user in one sandbox: its init, and its workers or threads.
	 */
	PROCESSES_ZYGOTE = 1 + 2 * METT_ACTIVATIONS_MAX,
	PROCESSES_WORKER = 1 + METT_WORKER_THREADS_MAX,
	/* Strings of an environment: the shortest is "K=", with its zero. */
	VARIABLES_MAX = METT_ENVIRONMENT_MAX / 3,
};

#define NAMESPACES_JOINED                                                                          \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Who comes from the granted files' namespace takes a copy of that, with no rights over it. */
static int join_namespaces(int init, bool granted)
{
	if (setns(init, NAMESPACES_JOINED & ~(granted ? CLONE_NEWNS : 0)) < 0 ||
	    (granted && unshare(CLONE_NEWNS) < 0))
		return -errno;
	return 0;
}

static int become_sandbox_user(void)
{
	/* Not by the C library, which would tell threads that this copy of it believes in. */
	if (syscall(SYS_setresgid, ROOT_SANDBOX_ID, ROOT_SANDBOX_ID, ROOT_SANDBOX_ID) < 0 ||
	    syscall(SYS_setresuid, ROOT_SANDBOX_ID, ROOT_SANDBOX_ID, ROOT_SANDBOX_ID) < 0)
		return -errno;
	return 0;
}

static void await_end(void)
{
	struct pollfd ends[] = {{.fd = FD_LIFE}, {.fd = FD_TENANT, .events = POLLIN}};
	char byte;

	for (;;) {
		if (poll(ends, 2, -1) <= 0)
			continue;
		if (ends[0].revents & POLLHUP)
			return;
		if (!ends[1].revents)
			continue;
		if (read(FD_TENANT, &byte, 1) != 1)
			return; /* nobody will ever move in: the launcher is gone */
		close(FD_TENANT);
		ends[1].fd = -1;
		prctl(PR_SET_NAME, "mett-init");
	}
}

void first_init(sys_cap life, const int tenant[2])
{
	sigset_t all;
	char byte;

	close(tenant[1]);
	if (read(tenant[0], &byte, 1) != 1 || become_sandbox_user())
		_exit(1);
	dup3(life, FD_LIFE, O_CLOEXEC);
	dup3(tenant[0], FD_TENANT, O_CLOEXEC);
	close_range(FD_TENANT + 1, ~0U, 0);
	close_range(0, FD_LIFE - 1, 0);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* Orphans of the sandbox come here; the kernel shall bury them. */
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_NAME, "mett-spare");
	rights_drop();
	await_end();
	_exit(0);
}

static int limit(int resource, rlim_t value)
{
	struct rlimit both = {value, value};

	return setrlimit(resource, &both) < 0 ? -errno : 0;
}

static int set_limits(enum launch_mode mode)
{
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_NOFILE, METT_WORKER_FDS_MAX},
		{RLIMIT_NPROC, mode == LAUNCH_ZYGOTE ? PROCESSES_ZYGOTE : PROCESSES_WORKER},
		{RLIMIT_MEMLOCK, 0},
		{RLIMIT_MSGQUEUE, 0},
		{RLIMIT_SIGPENDING, METT_WORKER_THREADS_MAX},
		{RLIMIT_NICE, 0},
		{RLIMIT_RTPRIO, 0},
		{RLIMIT_RTTIME, 0},
		{RLIMIT_FSIZE, METT_PAYLOAD_MAX},
		{RLIMIT_STACK, 8 << 20},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int error = limit(limits[i].resource, limits[i].value);

		if (error)
			return error;
	}
	return 0;
}

/*
 * Every descriptor goes to the place the program expects it at. Those of the
 * launcher may lie anywhere, so they are first moved out of the way.
 */
static int place_descriptors(int null, const struct runtime *runtime,
                             const sys_cap caps[LAUNCH_CAPS])
{
	int program = runtime ? runtime->program : caps[LAUNCH_PROGRAM];
	const struct {
		int from, to, flags;
	} moves[] = {
		{null, 0, 0},
		{caps[LAUNCH_LOG], 1, 0},
		{caps[LAUNCH_LOG], 2, 0},
		{caps[LAUNCH_GATE], FD_GATE, 0},
		{caps[LAUNCH_WINDOW], FD_WINDOW, 0},
		{runtime ? caps[LAUNCH_PROGRAM] : -1, FD_FUNCTION, 0},
	};
	enum { MOVES = sizeof(moves) / sizeof(*moves) };
	int high[MOVES];

	if (dup3(program, FILTER_PROGRAM_FD, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < MOVES; i++) {
		high[i] = moves[i].from < 0 ? -1 : fcntl(moves[i].from, F_DUPFD, FD_SAFE);
		if (high[i] < 0 && moves[i].from >= 0)
			return -errno;
	}
	for (int i = 0; i < MOVES; i++) {
		if (high[i] < 0)
			close(moves[i].to);
		else if (dup2(high[i], moves[i].to) < 0)
			return -errno;
	}
	if (close_range(FD_FUNCTION + 1, FILTER_PROGRAM_FD - 1, 0) < 0 ||
	    close_range(FILTER_PROGRAM_FD + 1, ~0U, 0) < 0)
		return -errno;
	return 0;
}

/* All that it will find there: nothing of ours, nor of what came before it. */
static void list_environment(const struct launch_request *request, char *ret[VARIABLES_MAX + 1])
{
	const char *text = request->environment, *end = text + request->environment_size;
	unsigned count = 0;

	for (; text < end && count < VARIABLES_MAX; text += strnlen(text, (size_t)(end - text)) + 1)
		ret[count++] = (char *)text;
	ret[count] = NULL;
}

void first_tell_failure(sys_cap gate, const char *step, int error)
{
	struct {
		struct message_unbuilt fixed;
		char text[METT_MESSAGE_MAX];
	} message = {.fixed.header.type = MESSAGE_UNBUILT, .fixed.error = error};
	int length = fmt_format(message.text, sizeof(message.text), "{}{}{}", step,
	                        error ? ": " : "", error ? strerror(-error) : "");

	if (length >= METT_MESSAGE_MAX)
		length = METT_MESSAGE_MAX - 1;
	sys_gate_send(gate, &message, sizeof(message.fixed) + (size_t)(length > 0 ? length : 0),
	              NULL, 0);
}

/* The server hears of both processes before either can do anything it did not order. */
static int tell_built(sys_cap gate, int init)
{
	struct message_built built = {.header.type = MESSAGE_BUILT};
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	sys_cap caps[] = {init, self};

	return self < 0 ? -errno : sys_gate_send(gate, &built, sizeof(built), caps, 2);
}

static int reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

void first_program(const struct root *root, const struct runtime *runtime,
                   const struct sock_fprog *filter, int init, const struct launch_request *request,
                   const sys_cap caps[LAUNCH_CAPS])
{
	const char *step;
	sys_cap gate = caps[LAUNCH_GATE];
	bool granted = request->grants & METT_GRANT_SYSTEM;
	char *const argv[] = {(char *)request->name,
	                      request->mode == LAUNCH_ZYGOTE ? "zygote" : "worker",
	                      runtime ? (char *)mett_language_name(request->language) : NULL, NULL};
	char *envp[VARIABLES_MAX + 1];
	int error;

	list_environment(request, envp);

#define STEP(text_, call_)                                                                         \
	step = text_;                                                                              \
	if ((error = (call_)))                                                                     \
	goto failed

	STEP("announce", tell_built(gate, init));
	STEP("join namespaces", join_namespaces(init, granted));
	STEP("enter the runtime's files", runtime && !granted ? tree_enter(runtime->tree) : 0);
	STEP("name the host", sethostname("sandbox", 7) < 0 ? -errno : 0);
	STEP("leave the session", setsid() < 0 ? -errno : 0);
	STEP("place descriptors", place_descriptors(root->null, runtime, caps));
	gate = FD_GATE;
	STEP("reset signals", reset_signals());
	STEP("set limits", set_limits(request->mode));
	STEP("bound memory", memory_limit(0, request->memory));
	STEP("change user", become_sandbox_user());
	STEP("place the script",
	     runtime && granted ? granted_place(FD_FUNCTION, request->name) : 0);
	STEP("drop capabilities", rights_drop());
	STEP("load filter", filter_load(filter));
	step = "execute";
	syscall(SYS_execveat, FILTER_PROGRAM_FD, filter_no_path, argv, envp, AT_EMPTY_PATH);
	error = -errno;
#undef STEP
failed:
	first_tell_failure(gate, step, error);
	_exit(1);
}
