#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include "fail.h"

enum { SERVERS_MAX = 16, KEPT = 4, FOLDER_MAX = 96 }; /* leaves room for the name of a socket */

/* What is left to clean up, however the run ends. */
static struct {
	char folder[FOLDER_MAX];
	pid_t owner;
	pid_t pid[SERVERS_MAX]; /* 0: none, or none any more */
	char socket[SERVERS_MAX][SERVER_SOCKET_MAX], lock[SERVERS_MAX][SERVER_SOCKET_MAX + 8];
	/* What a recorder keeps, the database first, and its folder. */
	char kept[SERVERS_MAX][KEPT][SERVER_SOCKET_MAX + 32], state[SERVERS_MAX][SERVER_SOCKET_MAX];
} left;

static void remove_kept(unsigned index)
{
	for (unsigned i = 0; i < KEPT; i++)
		unlink(left.kept[index][i]);
	rmdir(left.state[index]);
}

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
			remove_kept(i);
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

__attribute__((noreturn)) static void become(const char *program, const char *socket,
                                             const char *state, int ready)
{
	char fd[16];

	/* The terminal's signals are ours to answer. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fmt_format(fd, sizeof(fd), "{}", ready);
	setenv("LOG_LEVEL", "warn", 0);
	fcntl(ready, F_SETFD, 0);
	execl(program, program, "--socket", socket, "--state", state, "--ready-fd", fd, NULL);
	_exit(127);
}

static unsigned find_index(void)
{
	unsigned index = 0;

	if (!left.owner)
		prepare();
	while (index < SERVERS_MAX && left.pid[index])
		index++;
	if (index == SERVERS_MAX)
		fail("servers", -ENOSPC);
	return index;
}

static void start(struct server *ret, unsigned index, const char *program, const char *state)
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe", -errno);
	ret->pid = fork();
	if (ret->pid == 0)
		become(program, ret->socket, state, ready[1]);
	close(ready[1]);
	if (ret->pid < 0)
		fail("fork", -errno);
	left.pid[index] = ret->pid;
	if (read(ready[0], &byte, 1) != 1)
		fail(program, -ECHILD);
	close(ready[0]);
}

void server_start(struct server *ret, const char *program)
{
	unsigned index = find_index();

	*ret = (struct server){0};
	fmt_format(ret->socket, sizeof(ret->socket), "{}/socket{}", left.folder, index);
	fmt_format(left.socket[index], sizeof(left.socket[index]), "{}", ret->socket);
	fmt_format(left.lock[index], sizeof(left.lock[index]), "{}.lock", ret->socket);
	start(ret, index, program, "none");
}

void server_start_recorder(struct server *ret, const char *program, const struct server *of)
{
	static const char *const names[KEPT] = {"records.sqlite-wal", "records.sqlite",
	                                        "records.sqlite-shm", "records.lock"};
	unsigned index = find_index();

	*ret = *of;
	fmt_format(left.socket[index], sizeof(left.socket[index]), "{}.records", ret->socket);
	fmt_format(left.lock[index], sizeof(left.lock[index]), "{}.lock", left.socket[index]);
	fmt_format(left.state[index], sizeof(left.state[index]), "{}/state{}", left.folder, index);
	for (unsigned i = 0; i < KEPT; i++)
		fmt_format(left.kept[index][i], sizeof(left.kept[index][i]), "{}/{}",
		           left.state[index], names[i]);
	start(ret, index, program, left.state[index]);
}

static unsigned index_of(const struct server *server)
{
	unsigned index = 0;

	while (index < SERVERS_MAX && left.pid[index] != server->pid)
		index++;
	if (index == SERVERS_MAX)
		fail("no such server", -ESRCH);
	return index;
}

size_t server_kept(const struct server *recorder)
{
	struct stat status;

	if (stat(left.kept[index_of(recorder)][0], &status) < 0)
		return 0;
	return (size_t)status.st_size;
}

void server_stall(struct server *server)
{
	kill(server->pid, SIGSTOP);
}

void server_stop(struct server *server)
{
	unsigned index = index_of(server);

	kill(server->pid, SIGTERM);
	kill(server->pid, SIGCONT);
	waitpid(server->pid, NULL, 0);
	left.pid[index] = 0;
	unlink(left.lock[index]);
	remove_kept(index);
}
