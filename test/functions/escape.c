/*
 * Tries one way out of the sandbox, the one its argument names, and answers the
 * errno of the attempt, or 0 when it succeeded; unless it is killed for it.
 * Without an argument it answers the names, one a line. Each attempt is
 * harmless where nothing stops it.
 */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long long zeroes[64];
static const unsigned long all_cores[16] = {~0UL};
static const unsigned long more[2] = {~0UL, ~0UL};
static char *const no_strings[] = {NULL};

#define A(x_) ((long)(x_))

static const struct attempt {
	const char *name;
	long number;
	long args[6];
} attempts[] = {
	{"open-passwd", SYS_openat, {AT_FDCWD, A("/etc/passwd"), O_RDONLY}},
	{"open-old", SYS_open, {A("/etc/passwd"), O_RDONLY}},
	{"open-proc", SYS_openat, {AT_FDCWD, A("/proc/self/maps"), O_RDONLY}},
	{"open-root", SYS_openat, {AT_FDCWD, A("/"), O_RDONLY | O_DIRECTORY}},
	{"open-parent", SYS_openat, {AT_FDCWD, A("../../../.."), O_RDONLY | O_DIRECTORY}},
	{"create", SYS_openat, {AT_FDCWD, A("mett-escape"), O_RDWR | O_CREAT | O_EXCL, 0600}},
	{"openat2", SYS_openat2, {AT_FDCWD, A("/etc/passwd"), A(zeroes), 24}},
	{"mkdir", SYS_mkdirat, {AT_FDCWD, A("/etc/passwd"), 0700}},
	{"mount", SYS_mount, {A("none"), A("/nowhere"), A("tmpfs"), 0, 0}},
	{"umount", SYS_umount2, {A("/nowhere"), MNT_DETACH}},
	{"fsopen", SYS_fsopen, {A("tmpfs"), 0}},
	{"open-tree", SYS_open_tree, {AT_FDCWD, A("/nowhere"), 1}},
	{"chroot", SYS_chroot, {A("/")}},
	{"chdir", SYS_chdir, {A("/")}},
	{"pivot-root", SYS_pivot_root, {A("/nowhere"), A("/nowhere")}},
	{"handle", SYS_open_by_handle_at, {1, A(zeroes), 0}},
	{"ptrace", SYS_ptrace, {PTRACE_ATTACH, 1}},
	{"traceme", SYS_ptrace, {PTRACE_TRACEME}},
	{"read-memory", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}},
	/* Signal 0 only asks whether another one would arrive. */
	{"kill-init", SYS_kill, {1, 0}},
	{"kill-all", SYS_kill, {-1, 0}},
	{"tgkill", SYS_tgkill, {1, 1, 0}},
	{"pidfd-open", SYS_pidfd_open, {1, 0}},
	{"pidfd-getfd", SYS_pidfd_getfd, {HOSTILE_GATE, 0, 0}},
	{"setuid", SYS_setuid, {0}},
	{"setgid", SYS_setgid, {0}},
	{"setgroups", SYS_setgroups, {0, 0}},
	{"capset", SYS_capset, {A(zeroes), A(zeroes)}},
	{"unshare-user", SYS_unshare, {CLONE_NEWUSER}},
	{"unshare-mount", SYS_unshare, {CLONE_NEWNS}},
	{"setns", SYS_setns, {HOSTILE_GATE, 0}},
	{"clone-user", SYS_clone, {CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0}},
	{"clone3", SYS_clone3, {A(zeroes), 64}},
	{"execve", SYS_execve, {A("/nowhere"), A(no_strings), A(no_strings)}},
	{"execveat", SYS_execveat, {1, A(""), A(no_strings), A(no_strings), AT_EMPTY_PATH}},
	/* Where the program was that it now runs. */
	{"execute-again", SYS_execveat, {1000, A(""), A(no_strings), A(no_strings), AT_EMPTY_PATH}},
	/* What has a path needs no descriptor. */
	{"execute-another",
         SYS_execveat,
         {1000, A("/usr/bin/true"), A(no_strings), A(no_strings), AT_EMPTY_PATH}},
	{"memfd", SYS_memfd_create, {A("x"), 0}},
	{"socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
	{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, A(zeroes)}},
	{"connect", SYS_connect, {HOSTILE_GATE, A(zeroes), 2}},
	{"bpf", SYS_bpf, {0, A(zeroes), 64}},
	{"perf", SYS_perf_event_open, {A(zeroes), 0, -1, -1, 0}},
	{"keyctl", SYS_keyctl, {0, 0, 0, 0, 0}},
	{"userfaultfd", SYS_userfaultfd, {1}},
	{"io-uring", SYS_io_uring_setup, {1, A(zeroes)}},
	{"shmget", SYS_shmget, {0, 4096, 0600}},
	{"mq-open", SYS_mq_open, {A("x"), O_RDWR, 0, 0}},
	{"all-cores", SYS_sched_setaffinity, {0, sizeof(all_cores), A(all_cores)}},
	{"priority", SYS_setpriority, {0, 0, -20}},
	{"scheduler", SYS_sched_setscheduler, {0, SCHED_FIFO, A(zeroes)}},
	{"more-memory", SYS_prlimit64, {0, 2, A(more), 0}},
	{"dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}},
	{"outlive", SYS_prctl, {PR_SET_PDEATHSIG, 0, 0, 0, 0}},
	{"seccomp", SYS_seccomp, {0, 0, 0}},
	{"personality", SYS_personality, {0xffffffff}},
	{"modify-ldt", SYS_modify_ldt, {0, A(zeroes), sizeof(zeroes)}},
	{"iopl", SYS_iopl, {3}},
	{"hostname", SYS_sethostname, {A("x"), -1}},
	{"reboot", SYS_reboot, {0, 0, 0, 0}},
	{"tiocsti", SYS_ioctl, {1, TIOCSTI, A("x")}},
	{"owner", SYS_fcntl, {HOSTILE_GATE, F_SETOWN, 1}},
	{"new-session", SYS_setsid, {0}},
	/* The same kernel by another door: getpid, numbered for x32. */
	{"x32", 0x40000000 + SYS_getpid, {0}},
};

/* And by a third: getpid of 32-bit programs. */
static long old_gate(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static int list(void)
{
	struct fmt_string names = {0};
	int error = fmt_append(&names, "int80\n");

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]) && error >= 0; i++)
		error = fmt_append(&names, "{}\n", attempts[i].name);
	if (error >= 0)
		error = faas_answer(names.data, names.length);
	fmt_string_deinit(&names);
	return error;
}

int faas_main(const void *argument, size_t size)
{
	if (!size)
		return list();
	if (hostile_is(argument, size, "int80"))
		return faas_answer_format("{}", old_gate() < 0 ? ENOSYS : 0);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const long *args = attempts[i].args;

		if (!hostile_is(argument, size, attempts[i].name))
			continue;
		long result = syscall(attempts[i].number, args[0], args[1], args[2], args[3],
		                      args[4], args[5]);
		return faas_answer_format("{}", result < 0 ? errno : 0);
	}
	return faas_fail("no attempt of the name '{}'", fmt_bytes(argument, size));
}
