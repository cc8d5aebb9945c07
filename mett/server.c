#include "server.h"
#include "beside.h"

#include <mett-eagle/registry.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A name that nobody can guess, and no folder: what is left to remove, the server removes,
 * even when there is nobody else to do it.
 */
static void choose_socket(char ret[108])
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	uint64_t number[2] = {0};

	if (getrandom(number, sizeof(number), 0) < 0)
		number[0] = (uint64_t)getpid();
	if (!folder || *folder != '/' || access(folder, W_OK) < 0 || strlen(folder) > 56)
		folder = "/tmp";
	snprintf(ret, 108, "%s/mett-%016" PRIx64 "%016" PRIx64, folder, number[0], number[1]);
}

/* Not the terminal's: Ctrl-C is for us, and what we end then ends the server. */
static __attribute__((noreturn)) void become_server(const char *program, const char *socket,
                                                    int ready, pid_t parent)
{
	char fd[16];

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	setenv("LOG_LEVEL", "error", 0);
	snprintf(fd, sizeof(fd), "%d", ready);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	fcntl(ready, F_SETFD, 0);
	execl(program, "mett-eagle", "--socket", socket, "--ready-fd", fd, "--state", "none",
	      "--parked", "1", "--spare-sandboxes", "0", (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

static int wait_ready(int ready)
{
	char byte;
	ssize_t got;

	do
		got = read(ready, &byte, 1);
	while (got < 0 && errno == EINTR);
	return got == 1 ? 0 : -EPIPE;
}

int private_server_start(struct private_server *ret, char *why, size_t size)
{
	char program[PATH_MAX];
	int ends[2], error = beside_find(BESIDE_SERVER, program);
	pid_t parent = getpid();

	if (error) {
		snprintf(why, size, "no server at '%s': %s; install it beside this program",
		         program, strerror(-error));
		return error;
	}
	if (pipe2(ends, O_CLOEXEC) < 0) {
		snprintf(why, size, "cannot make a pipe: %s", strerror(errno));
		return -errno;
	}
	choose_socket(ret->socket);
	mett_home_namespace(ret->space, sizeof(ret->space));
	ret->pid = fork();
	if (ret->pid == 0)
		become_server(program, ret->socket, ends[1], parent);
	close(ends[1]);
	error = ret->pid < 0 ? -errno : wait_ready(ends[0]);
	close(ends[0]);
	if (error)
		snprintf(why, size, "the server did not start; 'mett doctor' looks for the cause");
	if (error && ret->pid > 0)
		private_server_stop(ret);
	return error;
}

void private_server_stop(struct private_server *server)
{
	kill(server->pid, SIGTERM);
	while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* One that was killed has not removed them. */
	char lock[sizeof(server->socket) + 8];
	snprintf(lock, sizeof(lock), "%s.lock", server->socket);
	unlink(server->socket);
	unlink(lock);
}
