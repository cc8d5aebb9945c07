#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

struct sys_exit process_status(int pidfd)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
	    !info.si_pid)
		return (struct sys_exit){.signal = SIGKILL};
	if (info.si_code == CLD_EXITED)
		return (struct sys_exit){.code = info.si_status};
	return (struct sys_exit){.signal = info.si_status};
}

int process_is_child(int pidfd)
{
	siginfo_t info;

	return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* There is no call for this before Linux 6.13. */
pid_t process_id(int pidfd)
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

void process_kill(int pidfd)
{
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}
