#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mett-eagle/common.h>

_Static_assert((int)FILTER_PROGRAM_FD > (int)METT_WORKER_FDS_MAX,
               "a program could be executed again");

const char filter_no_path[1] = "";

/* Exactly what mett_worker_park() asks for, and exactly what pthread_create() does. */
#define FLAGS_FORK (CLONE_PARENT | CLONE_PIDFD | SIGCHLD)
#define FLAGS_THREAD                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD |        \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* They reach nothing but the process itself and what it was given. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(munmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getcpu),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getresgid),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(pause),
	SCMP_SYS(alarm),
	SCMP_SYS(setitimer),
	SCMP_SYS(getitimer),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq),
	SCMP_SYS(arch_prctl),
};

struct refusal {
	int call;
	int error;
};

/*
 * C libraries try these in passing and can live without them; so they fail with
 * the error a program expects. A signal to somebody else could only reach the
 * sandbox's other workers.
 */
static const struct refusal refused[] = {
	{SCMP_SYS(sched_setaffinity), EPERM},
	{SCMP_SYS(setpriority), EPERM},
};

static const struct refusal no_processes[] = {
	{SCMP_SYS(kill), EPERM},      {SCMP_SYS(tkill), EPERM},
	{SCMP_SYS(tgkill), EPERM},    {SCMP_SYS(rt_sigqueueinfo), EPERM},
	{SCMP_SYS(fork), EPERM},      {SCMP_SYS(vfork), EPERM},
	{SCMP_SYS(wait4), ECHILD},    {SCMP_SYS(waitid), ECHILD},
	{SCMP_SYS(setrlimit), EPERM}, {SCMP_SYS(clone3), ENOSYS},
};

/* There is nothing in an empty root to open. */
static const struct refusal no_files[] = {
	{SCMP_SYS(open), ENOENT},       {SCMP_SYS(openat), ENOENT},
	{SCMP_SYS(access), ENOENT},     {SCMP_SYS(faccessat), ENOENT},
	{SCMP_SYS(faccessat2), ENOENT}, {SCMP_SYS(readlink), ENOENT},
	{SCMP_SYS(readlinkat), ENOENT}, {SCMP_SYS(stat), ENOENT},
	{SCMP_SYS(lstat), ENOENT},      {SCMP_SYS(statx), ENOSYS},
	{SCMP_SYS(getcwd), ENOENT},
};

/*
 * What a runtime needs to load itself from its tree, or from what was granted. These
 * mounts are for reading only and hold neither devices nor pipes, but for /dev/null, so
 * that what is opened there can only be looked at.
 */
static const int files[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(access),     SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(stat),
	SCMP_SYS(lstat),      SCMP_SYS(statx),      SCMP_SYS(statfs),     SCMP_SYS(fstatfs),
	SCMP_SYS(getcwd),     SCMP_SYS(getdents64), SCMP_SYS(chdir),      SCMP_SYS(fchdir),
	SCMP_SYS(fadvise64),  SCMP_SYS(umask),
};

/* Scripts try these, and shall get an exception from them that says why not. */
static const struct refusal only_reading[] = {
	{SCMP_SYS(creat), EROFS},        {SCMP_SYS(mkdir), EROFS},     {SCMP_SYS(mkdirat), EROFS},
	{SCMP_SYS(rmdir), EROFS},        {SCMP_SYS(unlink), EROFS},    {SCMP_SYS(unlinkat), EROFS},
	{SCMP_SYS(rename), EROFS},       {SCMP_SYS(renameat), EROFS},  {SCMP_SYS(renameat2), EROFS},
	{SCMP_SYS(link), EROFS},         {SCMP_SYS(linkat), EROFS},    {SCMP_SYS(symlink), EROFS},
	{SCMP_SYS(symlinkat), EROFS},    {SCMP_SYS(chmod), EROFS},     {SCMP_SYS(fchmodat), EROFS},
	{SCMP_SYS(truncate), EROFS},     {SCMP_SYS(utimensat), EROFS}, {SCMP_SYS(socket), EACCES},
	{SCMP_SYS(memfd_create), EPERM},
};

/* Whoever lists files asks for these too, and goes on where there can be none. */
static const struct refusal no_attributes[] = {
	{SCMP_SYS(getxattr), EOPNOTSUPP},   {SCMP_SYS(lgetxattr), EOPNOTSUPP},
	{SCMP_SYS(fgetxattr), EOPNOTSUPP},  {SCMP_SYS(listxattr), EOPNOTSUPP},
	{SCMP_SYS(llistxattr), EOPNOTSUPP}, {SCMP_SYS(flistxattr), EOPNOTSUPP},
};

static const struct refusal no_others[] = {
	{SCMP_SYS(pipe), EPERM},        {SCMP_SYS(pipe2), EPERM},
	{SCMP_SYS(socketpair), EACCES}, {SCMP_SYS(epoll_create1), EPERM},
	{SCMP_SYS(eventfd2), EPERM},    {SCMP_SYS(execve), EPERM},
};

/*
 * What programs need that were written for a whole machine: to start others, to signal
 * and wait for them, to talk among themselves. Nobody else is in their sandbox.
 */
static const int programs[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(tgkill),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getpgid),
	SCMP_SYS(getsid),
	SCMP_SYS(setpgid),
	SCMP_SYS(setsid),
	SCMP_SYS(getgroups),
	SCMP_SYS(getpriority),
	SCMP_SYS(setrlimit),
	SCMP_SYS(prlimit64),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(membarrier),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(socketpair),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendfile),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(splice),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(timer_create),
	SCMP_SYS(timer_settime),
	SCMP_SYS(timer_delete),
};

/* No namespaces, no child of somebody else's, none that escapes or traces. */
#define FLAGS_NEVER                                                                                \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED)

#define ALLOW(...)          seccomp_rule_add(filter, SCMP_ACT_ALLOW, __VA_ARGS__)
#define REFUSE(error_, ...) seccomp_rule_add(filter, SCMP_ACT_ERRNO(error_), __VA_ARGS__)

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int error = 0;

	for (size_t i = 0; !error && i < count; i++)
		error = ALLOW(calls[i], 0);
	return error;
}

static int refuse(scmp_filter_ctx filter, const struct refusal *calls, size_t count)
{
	int error = 0;

	for (size_t i = 0; !error && i < count; i++)
		error = REFUSE(calls[i].error, calls[i].call, 0);
	return error;
}

#define ALLOW_ALL(list_)  allow(filter, list_, sizeof(list_) / sizeof(*(list_)))
#define REFUSE_ALL(list_) refuse(filter, list_, sizeof(list_) / sizeof(*(list_)))

static int add_files(scmp_filter_ctx filter, enum filter_kind kind)
{
	if (kind == FILTER_ZYGOTE || kind == FILTER_WORKER)
		return REFUSE_ALL(no_files);
	int error = ALLOW_ALL(files);
	if (!error)
		error = REFUSE_ALL(only_reading);
	if (!error)
		error = REFUSE_ALL(no_attributes);
	if (!error && kind != FILTER_EXEC)
		error = REFUSE_ALL(no_others);
	return error;
}

/* Memory: private to the process, or shared through a descriptor it was given. */
static int add_mmap(scmp_filter_ctx filter)
{
	static const unsigned types[] = {MAP_PRIVATE, MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED,
	                                 MAP_SHARED_VALIDATE};
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(types) / sizeof(*types); i++)
		error = ALLOW(SCMP_SYS(mmap), 1,
		              SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE | MAP_ANONYMOUS, types[i]));
	return error;
}

/*
 * F_SETOWN and its like would send signals to other processes. The flags of
 * F_SETFL belong to the open file, and that of /dev/null is the same in every
 * sandbox: to set them would be a way to talk. Programs of the kind FILTER_EXEC do not
 * get to that one.
 */
static int add_fcntl(scmp_filter_ctx filter, enum filter_kind kind)
{
	static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,
	                               F_SETFD, F_GETFL,         F_GET_SEALS};
	int error = kind == FILTER_EXEC
	                    ? ALLOW(SCMP_SYS(fcntl), 1, SCMP_A1_32(SCMP_CMP_EQ, F_SETFL))
	                    : REFUSE(EPERM, SCMP_SYS(fcntl), 1, SCMP_A1_32(SCMP_CMP_EQ, F_SETFL));

	for (size_t i = 0; !error && i < sizeof(commands) / sizeof(*commands); i++)
		error = ALLOW(SCMP_SYS(fcntl), 1, SCMP_A1_32(SCMP_CMP_EQ, (unsigned)commands[i]));
	return error;
}

/* There is no terminal; what else programs ask of is their own descriptors' flags. */
static int add_program_ioctl(scmp_filter_ctx filter)
{
	static const unsigned requests[] = {FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
	int error = REFUSE(ENOTTY, SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, TCGETS));

	for (size_t i = 0; !error && i < sizeof(requests) / sizeof(*requests); i++)
		error = ALLOW(SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, requests[i]));
	return error;
}

/* How much waits in a pipe; nothing else that is a device's business. */
static int add_ioctl(scmp_filter_ctx filter, enum filter_kind kind)
{
	if (kind == FILTER_EXEC)
		return add_program_ioctl(filter);
	int error = ALLOW(SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, FIONREAD));

	return error ? error
	             : REFUSE(ENOTTY, SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_NE, FIONREAD));
}

static int add_processes(scmp_filter_ctx filter, enum filter_kind kind)
{
	bool zygote = kind == FILTER_ZYGOTE || kind == FILTER_RUNTIME_ZYGOTE;
	unsigned long flags = zygote ? FLAGS_FORK : FLAGS_THREAD;

	if (kind == FILTER_EXEC) {
		int failed = ALLOW_ALL(programs);

		return failed ? failed
		              : ALLOW(SCMP_SYS(clone), 1,
		                      SCMP_A0(SCMP_CMP_MASKED_EQ, FLAGS_NEVER, 0));
	}
	int error = REFUSE_ALL(no_processes);
	if (!error)
		error = ALLOW(SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_EQ, flags));
	if (!error)
		error = REFUSE(EPERM, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_NE, flags));
	if (!error)
		error = ALLOW(SCMP_SYS(execveat), 3, SCMP_A0_32(SCMP_CMP_EQ, FILTER_PROGRAM_FD),
		              SCMP_A1(SCMP_CMP_EQ, (uintptr_t)filter_no_path),
		              SCMP_A4_32(SCMP_CMP_EQ, AT_EMPTY_PATH));
	return error;
}

static int add_settings(scmp_filter_ctx filter, enum filter_kind kind)
{
	int error = ALLOW(SCMP_SYS(prctl), 1, SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));

	if (!error)
		error = ALLOW(SCMP_SYS(prctl), 1, SCMP_A0_32(SCMP_CMP_EQ, PR_GET_NAME));
	/* To name anonymous memory, as malloc does; it is only a name. */
	if (!error)
		error = ALLOW(SCMP_SYS(prctl), 1, SCMP_A0_32(SCMP_CMP_EQ, PR_SET_VMA));
	if (!error && kind == FILTER_EXEC)
		return ALLOW(SCMP_SYS(prctl), 1, SCMP_A0_32(SCMP_CMP_EQ, PR_SET_CHILD_SUBREAPER));
	/* Limits can be read, of the process itself, and not be set. */
	if (!error)
		error = ALLOW(SCMP_SYS(prlimit64), 2, SCMP_A0_32(SCMP_CMP_EQ, 0),
		              SCMP_A2(SCMP_CMP_EQ, 0));
	if (!error)
		error = REFUSE(EPERM, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_NE, 0));
	return error;
}

static int export_filter(scmp_filter_ctx filter, struct sock_fprog *ret)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), error = 0;
	struct sock_filter *code = NULL;
	struct stat status;

	if (fd < 0)
		return -errno;
	error = seccomp_export_bpf(filter, fd);
	if (!error && fstat(fd, &status) < 0)
		error = -errno;
	if (!error && !(code = malloc((size_t)status.st_size)))
		error = -ENOMEM;
	if (!error && pread(fd, code, (size_t)status.st_size, 0) != status.st_size)
		error = -EIO;
	close(fd);
	if (error) {
		free(code);
		return error;
	}
	ret->filter = code;
	ret->len = (unsigned short)((size_t)status.st_size / sizeof(*code));
	return 0;
}

int filter_new(enum filter_kind kind, struct sock_fprog *ret)
{
	/* Programs that were not written for this try what they can do without. */
	scmp_filter_ctx filter =
		seccomp_init(kind == FILTER_EXEC ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_KILL_PROCESS);
	int error;

	if (!filter)
		return -ENOMEM;
	error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!error)
		error = ALLOW_ALL(allowed);
	if (!error)
		error = REFUSE_ALL(refused);
	if (!error)
		error = add_files(filter, kind);
	if (!error)
		error = add_mmap(filter);
	if (!error)
		error = add_fcntl(filter, kind);
	if (!error)
		error = add_ioctl(filter, kind);
	if (!error)
		error = add_processes(filter, kind);
	if (!error)
		error = add_settings(filter, kind);
	if (!error)
		error = export_filter(filter, ret);
	seccomp_release(filter);
	return error;
}

int filter_load(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0 ? -errno : 0;
}
