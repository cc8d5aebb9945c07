#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

/* Linux 6.13 and newer tell what is behind a pidfd in one call. */
struct pidfd_facts {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ids[8];
	uint32_t spare;
};

#define PIDFD_FACTS     _IOWR(0xFF, 11, struct pidfd_facts)
#define PIDFD_FACTS_PID 1

static struct sys_exit status(int pidfd, int options)
{
	siginfo_t info = {0};
	struct rusage usage = {0};
	struct sys_exit how = {.signal = SIGKILL};

	/* The C library's waitid() does not ask for what it used. */
	if (syscall(SYS_waitid, P_PIDFD, pidfd, &info, options | WEXITED | WNOHANG | __WALL,
	            &usage) < 0 ||
	    !info.si_pid)
		return how;
	how.memory = (uint64_t)usage.ru_maxrss << 10;
	how.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	how.code = info.si_code == CLD_EXITED ? info.si_status : 0;
	return how;
}

struct sys_exit process_status(int pidfd)
{
	return status(pidfd, WNOWAIT);
}

struct sys_exit process_bury(int pidfd)
{
	return status(pidfd, 0);
}

/* What the kernel tells people who look is the same on every version. */
static pid_t read_id(int pidfd)
{
	char path[64], text[512], *line;
	int pid = 0;

	fmt_format(path, sizeof(path), "/proc/self/fdinfo/{}", pidfd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = 0;
	line = strstr(text, "Pid:");
	if (!line || sscanf(line, "Pid: %d", &pid) != 1 || pid <= 0)
		return -ESRCH;
	return pid;
}

static bool facts_of(int pidfd, struct pidfd_facts *ret)
{
	*ret = (struct pidfd_facts){.mask = PIDFD_FACTS_PID};
	/* The answer says what it holds; a descriptor that is no pidfd knows no such call. */
	return ioctl(pidfd, PIDFD_FACTS, ret) == 0 && ret->mask & PIDFD_FACTS_PID;
}

pid_t process_id(int pidfd)
{
	struct pidfd_facts facts;

	return facts_of(pidfd, &facts) ? (pid_t)facts.pid : read_id(pidfd);
}

pid_t process_child(int pidfd)
{
	struct pidfd_facts facts;
	siginfo_t info;

	if (facts_of(pidfd, &facts))
		return (pid_t)facts.ppid == getpid() ? (pid_t)facts.pid : -ECHILD;
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		return -ECHILD;
	return read_id(pidfd);
}

int process_kill(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

void process_remove(int pidfd)
{
	/* What cannot be ended would be waited for without end. */
	int result = process_kill(pidfd);

	while (result == 0 && waitid(P_PIDFD, (id_t)pidfd, NULL, WEXITED | __WALL) < 0 &&
	       errno == EINTR)
		;
}
