/*
 * exec-faas: runs functions that are programs as anybody has them. It stays outside of them,
 * so that they need not know of the server; each call's processes are gone before its answer
 * leaves, but for those of a program that speaks ActionLoop.
 */
#include "private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void give_up(struct mett_worker *worker, int status)
{
	bool crashed = WIFSIGNALED(status);

	mett_worker_signal(worker, crashed ? WTERMSIG(status) : 0,
	                   crashed ? 0 : WEXITSTATUS(status));
	_exit(1);
}

void run_out_of_memory(struct mett_worker *worker)
{
	mett_worker_note_memory(worker);
	_exit(ENOMEM);
}

/* A text that ends in a line's end is a line; the server adds its own. */
void fail(struct mett_worker *worker, int code, const char *text, size_t size,
          const struct mett_metadata *times)
{
	while (size && text[size - 1] == '\n')
		size--;
	mett_worker_exit(worker, code, text, size, times);
}

int main(int argc, char **argv)
{
	bool loop = argc > 2 && !strcmp(argv[2], mett_language_name(METT_LANGUAGE_ACTIONLOOP));
	struct mett_worker *worker;
	struct program program;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	program_open(&program, argv[0]);
	for (;;) {
		if (loop)
			loop_idle(&program);
		mett_worker_park(&worker);
		if (loop)
			loop_serve(&program, worker);
		else
			once_serve(&program, worker);
	}
}
