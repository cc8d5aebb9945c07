#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

extern char **environ;

static char **program;
static posix_spawn_file_actions_t quiet;

static int begin(char **arguments)
{
	program = arguments;
	posix_spawn_file_actions_init(&quiet);
	/* Its errors are told to whoever asks; of its output there is nothing to see. */
	posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	return 0;
}

static int call(void)
{
	int error, status;
	pid_t pid;

	error = posix_spawn(&pid, program[0], &quiet, NULL, program, environ);
	if (error)
		return complain(program[0], strerror(error));
	if (waitpid(pid, &status, 0) < 0)
		return complain(program[0], strerror(errno));
	if (status) {
		char why[40];

		snprintf(why, sizeof(why), "ended with %s %d",
		         WIFEXITED(status) ? "status" : "signal",
		         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		return complain(program[0], why);
	}
	return 0;
}

static void end(void)
{
	posix_spawn_file_actions_destroy(&quiet);
}

const struct way way_start = {"start", "PROGRAM [ARGUMENT]...", 1, begin, call, end};
