#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include "fail.h"

enum { SERVERS_MAX = 8, FOLDER_MAX = 96 }; /* leaves room for the name of a socket */

/* What is left to clean up, however the run ends. */
static struct {
	char folder[FOLDER_MAX];
	pid_t owner;
	pid_t pid[SERVERS_MAX]; /* 0: none, or none any more */
	char socket[SERVERS_MAX][SERVER_SOCKET_MAX], lock[SERVERS_MAX][SERVER_SOCKET_MAX + 8];
} left;

/* Only of what a signal's handler may call. */
static void clean_up(void)
{
	if (getpid() != left.owner)
		return;
	for (unsigned i = 0; i < SERVERS_MAX; i++)
		if (left.pid[i] > 0) {
			kill(left.pid[i], SIGKILL);
			waitpid(left.pid[i], NULL, 0);
			unlink(left.socket[i]);
			unlink(left.lock[i]);
		}
	rmdir(left.folder);
}

static void end_early(int number)
{
	clean_up();
	_exit(128 + number);
}

static void prepare(void)
{
	const char *temporary = getenv("TMPDIR");

	if (!temporary || !*temporary)
		temporary = "/tmp";
	if (fmt_format(left.folder, FOLDER_MAX, "{}/mett-bench-XXXXXX", temporary) >= FOLDER_MAX)
		fail(temporary, -ENAMETOOLONG);
	if (!mkdtemp(left.folder))
		fail(left.folder, -errno);
	left.owner = getpid();
	atexit(clean_up);
	signal(SIGINT, end_early);
	signal(SIGTERM, end_early);
	signal(SIGHUP, end_early);
}

__attribute__((noreturn)) static void become(const char *program, const char *socket, int ready)
{
	char fd[16];

	/* The terminal's signals are ours to answer. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fmt_format(fd, sizeof(fd), "{}", ready);
	setenv("LOG_LEVEL", "warn", 0);
	fcntl(ready, F_SETFD, 0);
	execl(program, program, "--socket", socket, "--state", "none", "--ready-fd", fd, NULL);
	_exit(127);
}

void server_start(struct server *ret, const char *program)
{
	unsigned index = 0;
	int ready[2];
	char byte;

	if (!left.owner)
		prepare();
	while (index < SERVERS_MAX && left.pid[index])
		index++;
	if (index == SERVERS_MAX)
		fail("servers", -ENOSPC);
	fmt_format(ret->socket, sizeof(ret->socket), "{}/socket{}", left.folder, index);
	fmt_format(left.socket[index], sizeof(left.socket[index]), "{}", ret->socket);
	fmt_format(left.lock[index], sizeof(left.lock[index]), "{}.lock", ret->socket);
	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe", -errno);
	ret->pid = fork();
	if (ret->pid == 0)
		become(program, ret->socket, ready[1]);
	close(ready[1]);
	if (ret->pid < 0)
		fail("fork", -errno);
	left.pid[index] = ret->pid;
	if (read(ready[0], &byte, 1) != 1)
		fail("the server did not start", -ECHILD);
	close(ready[0]);
}

void server_stop(struct server *server)
{
	kill(server->pid, SIGTERM);
	waitpid(server->pid, NULL, 0);
	for (unsigned i = 0; i < SERVERS_MAX; i++)
		if (left.pid[i] == server->pid) {
			left.pid[i] = 0;
			unlink(left.lock[i]);
		}
}
