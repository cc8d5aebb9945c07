/*
 * System calls that a worker must not make, or that must come to nothing, each
 * really made. And all others: what is not listed here as allowed must be fatal.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum {
	CALLS_END = 600,
	X32 = 0x40000000,
	FAMILIES_END = 50,
	/* Probes of the kernel, which it lets pass every filter since Linux 6.14; of no use here.
	 */
	CALL_URETPROBE = 335,
	CALL_UPROBE = 336,
};

struct expectation {
	const char *attempt;
	int outcome; /* each attempt that is not listed is fatal */
};

static const struct expectation of_escape[] = {
	{"open-passwd", ENOENT}, {"open-old", ENOENT},    {"open-proc", ENOENT},
	{"open-root", ENOENT},   {"open-parent", ENOENT}, {"create", ENOENT},
	{"kill-init", EPERM},    {"kill-all", EPERM},     {"tgkill", EPERM},
	{"clone-user", EPERM},   {"clone3", ENOSYS},      {"all-cores", EPERM},
	{"priority", EPERM},     {"more-memory", EPERM},  {"tiocsti", ENOTTY},
};

/* What programs may do, or may try; the numbers of all calls that do not kill. */
static const int harmless[] = {
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_close,
	SYS_close_range,
	SYS_dup,
	SYS_dup2,
	SYS_dup3,
	SYS_lseek,
	SYS_fstat,
	SYS_newfstatat,
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_poll,
	SYS_ppoll,
	SYS_select,
	SYS_pselect6,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_futex,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_time,
	SYS_times,
	SYS_getcpu,
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_getppid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getresuid,
	SYS_getresgid,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigpending,
	SYS_rt_sigtimedwait,
	SYS_rt_sigsuspend,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_pause,
	SYS_alarm,
	SYS_setitimer,
	SYS_getitimer,
	SYS_exit,
	SYS_exit_group,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_getrusage,
	SYS_getrlimit,
	SYS_sysinfo,
	SYS_uname,
	SYS_set_robust_list,
	SYS_set_tid_address,
	SYS_rseq,
	SYS_arch_prctl,
	/* These fail, whatever their arguments; see above and calls[]. */
	SYS_open,
	SYS_openat,
	SYS_access,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlink,
	SYS_readlinkat,
	SYS_stat,
	SYS_lstat,
	SYS_statx,
	SYS_getcwd,
	SYS_ioctl,
	SYS_kill,
	SYS_tkill,
	SYS_tgkill,
	SYS_rt_sigqueueinfo,
	SYS_clone,
	SYS_clone3,
	SYS_fork,
	SYS_vfork,
	SYS_wait4,
	SYS_waitid,
	SYS_sched_setaffinity,
	SYS_setpriority,
	SYS_setrlimit,
	SYS_prlimit64,
	CALL_URETPROBE,
	CALL_UPROBE,
};

/* One call with its arguments, as the function `syscall` reads them; and what must come of it. */
struct call {
	int outcome;
	long n[7];
};

static const struct call calls[] = {
	/* Processes and threads, in ways of their own; see limits.c for the lawful ones. */
	{EPERM, {SYS_fork}},
	{EPERM, {SYS_clone, SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_VFORK | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_PARENT | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_NEWNS | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_NEWPID | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_NEWNET | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_NEWIPC | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_NEWUTS | SIGCHLD}},
	{EPERM, {SYS_clone, CLONE_NEWCGROUP | SIGCHLD}},
	{EPERM, {SYS_clone, (long)(CLONE_PARENT | CLONE_PIDFD | CLONE_NEWUSER | SIGCHLD)}},
	{EPERM, {SYS_clone, CLONE_PTRACE | SIGCHLD}},
	{EPERM, {SYS_clone, (long)(1UL << 32 | CLONE_PARENT | CLONE_PIDFD | SIGCHLD)}},
	{KILLED, {SYS_unshare, CLONE_NEWPID}},
	{KILLED, {SYS_unshare, CLONE_NEWNET}},
	{KILLED, {SYS_unshare, CLONE_NEWIPC}},
	{KILLED, {SYS_unshare, CLONE_NEWUTS}},
	{KILLED, {SYS_unshare, CLONE_NEWCGROUP}},
	{KILLED, {SYS_unshare, CLONE_FILES}},
	/* The right to execute was for one path at one place; see "execute-again" too. */
	{KILLED, {SYS_execveat, 3, 0, 0, 0, 0x1000}},
	{KILLED, {SYS_execveat, 1000, 0, 0, 0, 0}},
	{EBADF, {SYS_dup2, 0, 1000}},
	{EBADF, {SYS_dup2, 0, METT_WORKER_FDS_MAX}},
	{EINVAL, {SYS_fcntl, 0, F_DUPFD, 1000}},
	/* Memory that others could see. */
	{KILLED, {SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0}},
	{KILLED, {SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1}},
	/* Signals and marks on what is shared with others. */
	{KILLED, {SYS_fcntl, 3, F_SETOWN, 1}},
	{KILLED, {SYS_fcntl, 3, F_SETSIG, SIGKILL}},
	{KILLED, {SYS_fcntl, 3, F_SETLEASE, F_WRLCK}},
	{KILLED, {SYS_fcntl, 3, F_NOTIFY, 1}},
	{KILLED, {SYS_fcntl, 3, F_ADD_SEALS, 1}},
	{KILLED, {SYS_fcntl, 1, F_SETPIPE_SZ, 1 << 20}},
	{EPERM, {SYS_fcntl, 0, F_SETFL, O_NONBLOCK}},
	{KILLED, {SYS_flock, 0, 1}},
	/* Settings of the process. */
	{KILLED, {SYS_prctl, PR_CAPBSET_READ, 0}},
	{KILLED, {SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0}},
	{KILLED, {SYS_prctl, PR_SET_SECUREBITS, 0}},
	{KILLED, {SYS_prctl, PR_SET_KEEPCAPS, 1}},
	{KILLED, {SYS_prctl, PR_SET_NO_NEW_PRIVS, 0}},
	{KILLED, {SYS_prctl, PR_SET_SECCOMP, 0}},
	{KILLED, {SYS_prctl, PR_SET_PTRACER, -1}},
	{KILLED, {SYS_prctl, PR_SET_CHILD_SUBREAPER, 1}},
	{KILLED, {SYS_prctl, PR_SET_MM, 1, 0, 0, 0}},
	{KILLED, {SYS_prctl, PR_SCHED_CORE, 1, 0, 0, 0}},
	{EPERM, {SYS_setpriority, 0, 0, -1}},
	{EPERM, {SYS_setrlimit, 7, 0}},
	{EPERM, {SYS_prlimit64, 1, 7, 1, 0}},
	{KILLED, {SYS_prlimit64, 1, 7, 0, 0}},
	/* The window of another: no process has a name here. */
	{KILLED, {SYS_process_vm_writev, 1, 0, 0, 0, 0, 0}},
	{KILLED, {SYS_kcmp, 1, 1, 0, 0, 0}},
	{KILLED, {SYS_process_madvise, 3, 0, 0, 0, 0}},
	{KILLED, {SYS_getdents64, 0, 0, 0}},
	{KILLED, {SYS_fchdir, 0}},
};

static struct server server;

static void expect(struct mett_client *client, const char *action, const char *attempt, int want)
{
	struct mett_error error;
	int got = sandbox_try(client, action, attempt, &error);

	if (got != want)
		test_fail(__FILE__, __LINE__, "%s '%s' comes to %d, not %d (%s)", action, attempt,
		          got, want, error.message);
}

static int wanted_of(const char *attempt)
{
	for (size_t i = 0; i < sizeof(of_escape) / sizeof(of_escape[0]); i++)
		if (!strcmp(of_escape[i].attempt, attempt))
			return of_escape[i].outcome;
	return KILLED;
}

static void no_way_out(enum mett_policy policy)
{
	struct mett_client *client = sandbox_begin(&server, "escape", policy);
	struct mett_result list;
	char *text, *rest;
	unsigned count = 0;

	CHECK_EQ(mett_action_invoke(client, "escape", NULL, 0, NULL, &list), 0);
	text = strdup(list.answer);
	rest = text;
	for (char *name; (name = strsep(&rest, "\n")) && *name; count++)
		expect(client, "escape", name, wanted_of(name));
	CHECK(count > sizeof(of_escape) / sizeof(of_escape[0]));
	free(text);
	mett_result_deinit(&list);
	end(&server, client);
}

static void make_call(struct mett_client *client, const char *prefix, const struct call *call)
{
	const long *n = call->n;
	char text[256];

	snprintf(text, sizeof(text), "%s%ld %ld %ld %ld %ld %ld %ld", prefix, n[0], n[1], n[2],
	         n[3], n[4], n[5], n[6]);
	expect(client, "syscall", text, call->outcome);
}

static void nothing_comes_of(enum mett_policy policy)
{
	struct mett_client *client = sandbox_begin(&server, "syscall", policy);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		make_call(client, "", &calls[i]);
	for (int family = 0; family < FAMILIES_END; family++)
		make_call(client, "", &(struct call){KILLED, {SYS_socket, family, 1, 0}});
	end(&server, client);
}

static bool is_harmless(int number)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (harmless[i] == number)
			return true;
	return false;
}

/* With arguments that are wrong for every call. Those that are allowed are tested elsewhere. */
static void all_else_is_fatal(enum mett_policy policy)
{
	struct mett_client *client = sandbox_begin(&server, "syscall", policy);

	for (int number = 0; number < CALLS_END; number++) {
		struct call call = {KILLED, {number, -1, -1, -1, -1, -1, -1}};

		if (!is_harmless(number))
			make_call(client, "", &call);
		call.n[0] += X32;
		make_call(client, "", &call);
		call.n[0] -= X32;
		make_call(client, "i386 ", &call);
	}
	make_call(client, "", &(struct call){KILLED, {-1}});
	end(&server, client);
}

/* A signal reaches no sibling, no zygote, and not the sandbox's init. */
static void signals_reach_nobody(enum mett_policy policy)
{
	struct mett_client *client = sandbox_begin(&server, "syscall", policy);
	const struct mett_config config = {.timeout_us = 200000000};
	struct mett_result result;
	char wait[16];
	uint64_t token;

	snprintf(wait, sizeof(wait), "%d", SYS_pause);
	CHECK_EQ(mett_action_submit(client, "syscall", wait, strlen(wait), &config, 1, NULL), 0);
	for (int target = -1; target < 12; target++) {
		make_call(client, "", &(struct call){EPERM, {SYS_kill, target, SIGKILL}});
		make_call(client, "", &(struct call){EPERM, {SYS_tkill, target, SIGKILL}});
		make_call(client, "", &(struct call){EPERM, {SYS_tgkill, target, target, SIGKILL}});
		make_call(client, "",
		          &(struct call){EPERM, {SYS_rt_sigqueueinfo, target, SIGKILL, 0}});
	}
	make_call(client, "", &(struct call){KILLED, {SYS_rt_tgsigqueueinfo, 1, 1, SIGKILL, 0}});
	make_call(client, "", &(struct call){KILLED, {SYS_pidfd_send_signal, 3, SIGKILL, 0, 0}});
	CHECK_EQ(mett_client_complete(client, 0, &token, &result), 0);
	CHECK_EQ(mett_client_in_flight(client), 1);
	end(&server, client);
}

SANDBOX_TEST(no_way_out)
SANDBOX_TEST(nothing_comes_of)
SANDBOX_TEST(all_else_is_fatal)
SANDBOX_TEST(signals_reach_nobody)

/* Nor where there are programs. */
static void no_other_program(enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy, .grants = METT_GRANT_SYSTEM};

	struct mett_client *client = begin(&server, "");

	deploy(client, "escape", &options);
	expect(client, "escape", "execute-another", KILLED);
	end(&server, client);
}

SANDBOX_TEST(no_other_program)
