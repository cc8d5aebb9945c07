/* The folder of what outlives the server: where it is, who has it, and what if it will not do. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2 };

#define ARGS(...) ((char *[]){"mett-eagle", __VA_ARGS__, NULL})

static void check_run(int line, int code, char *const argv[], const char *part)
{
	static char output[16384];
	int status = run_server(argv, output, sizeof(output));

	if (!WIFEXITED(status) || WEXITSTATUS(status) != code || !strstr(output, part))
		test_fail(__FILE__, line, "no '%s' in wait status 0x%x: %s", part, status, output);
}

#define CHECK_RUN(code_, args_, part_) check_run(__LINE__, code_, args_, part_)

TEST(default_folder)
{
	server_needs();
	setenv("XDG_STATE_HOME", "/state/home", 1);
	CHECK_RUN(0, ARGS("-n", "--socket=/x"), "\nstate /state/home/mett-eagle\n");
	/* What is not absolute is to be ignored, says who thought of the variable. */
	setenv("XDG_STATE_HOME", "here", 1);
	setenv("HOME", "/home/me", 1);
	CHECK_RUN(0, ARGS("-n", "--socket=/x"),
	          geteuid() ? "\nstate /home/me/.local/state/mett-eagle\n"
	                    : "\nstate /var/lib/mett-eagle\n");
	CHECK_RUN(0, ARGS("-n", "--socket=/x", "--state", "here"), "\nstate here\n");
	CHECK_RUN(0, ARGS("-n", "--socket=/x", "--state", "none"), "\nstate none\n");
	CHECK_RUN(USAGE, ARGS("-n", "--state="), "--state: a path has 1 to 4095 bytes");
	/* It only looks. */
	CHECK(access("here", F_OK) < 0);
}

TEST(folder_is_made_and_locked)
{
	char folder[64], options[128], state[96], socket[96];
	struct server server;
	struct stat status;

	folder_make(folder);
	snprintf(state, sizeof(state), "%s/a/b", folder);
	snprintf(options, sizeof(options), "--state %s", state);
	server_start(&server, options);
	CHECK_EQ(stat(state, &status), 0);
	CHECK_EQ(status.st_mode & 07777, 0700);
	/* One server a state, by whatever socket. */
	snprintf(socket, sizeof(socket), "%s/socket", folder);
	CHECK_RUN(FAILED, ARGS("--socket", socket, "--state", state), "by another server");
	CHECK(access(socket, F_OK) < 0);
	/* A lock outlives nobody. */
	server_kill(&server);
	server_start_at(&server, options);
	mett_client_free(join(&server));
	server_stop(&server);
	folder_remove(folder);
}

TEST(named_folder_that_will_not_do_is_fatal)
{
	char folder[64], socket[96];

	server_needs();
	folder_make(folder);
	snprintf(socket, sizeof(socket), "%s/socket", folder);
	CHECK_RUN(FAILED, ARGS("--socket", socket, "--state", "/proc/state"),
	          "cannot use state folder '/proc/state'");
	CHECK_RUN(FAILED, ARGS("--socket", socket, "--state", "/dev/null"), "Not a directory");
	CHECK_EQ(chmod(folder, 0777), 0);
	CHECK_RUN(FAILED, ARGS("--socket", socket, "--state", folder), "chmod go-w");
	/* What is wrong within it is named whole. */
	char lock[96], said[128];
	CHECK_EQ(chmod(folder, 0700), 0);
	snprintf(lock, sizeof(lock), "%s/lock", folder);
	snprintf(said, sizeof(said), "cannot use state folder '%s'", lock);
	CHECK_EQ(mkdir(lock, 0700), 0);
	CHECK_RUN(FAILED, ARGS("--socket", socket, "--state", folder), said);
	CHECK_EQ(rmdir(lock), 0);
	CHECK(access(socket, F_OK) < 0);
	folder_remove(folder);
}

/* Not by the fixture, which names one. */
static pid_t start_with_default(const struct server *server, int ready, int log)
{
	pid_t pid = fork();
	char fd[16];

	CHECK(pid >= 0);
	if (pid)
		return pid;
	setenv("LOG_LEVEL", "warn", 1);
	snprintf(fd, sizeof(fd), "%d", ready);
	dup2(log, STDERR_FILENO);
	execv(server_program(), ARGS("--socket", (char *)server->socket, "--ready-fd", fd));
	_exit(127);
}

TEST(default_folder_that_will_not_do_is_a_warning)
{
	struct server server;
	char text[4096] = "", byte;
	int ready[2], log[2];

	server_start(&server, "");
	server_stop(&server);
	CHECK_EQ(mkdir(server.folder, 0700), 0);
	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe2(log, O_CLOEXEC), 0);
	setenv("XDG_STATE_HOME", "/proc", 1);
	server.pid = start_with_default(&server, ready[1], log[1]);
	close(ready[1]);
	close(log[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	struct mett_client *client = join(&server);
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "x", "x");
	end(&server, client);
	for (size_t used = 0; used < sizeof(text) - 1;) {
		ssize_t got = read(log[0], text + used, sizeof(text) - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
	}
	close(log[0]);
	if (!strstr(text, "cannot use state folder '/proc/mett-eagle'") ||
	    !strstr(text, "named namespaces are refused"))
		test_fail(__FILE__, __LINE__, "%s", text);
}
