/*
 * Makes processes until it cannot, and answers how many it made: siblings, as a
 * zygote does; with the argument "fork" children; with "thread" threads of a kind.
 */
#include "hostile.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 1000 };

static long flags_of(const void *argument, size_t size)
{
	if (hostile_is(argument, size, "fork"))
		return SIGCHLD;
	if (hostile_is(argument, size, "thread"))
		return CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		       CLONE_SYSVSEM;
	return CLONE_PARENT | CLONE_PIDFD | SIGCHLD;
}

static __attribute__((noreturn)) int sleeper(void *unused)
{
	const struct timespec hour = {.tv_sec = 3600};

	for (;;)
		nanosleep(&hour, NULL);
}

int faas_main(const void *argument, size_t size)
{
	static _Alignas(16) char stacks[TRIES][1024];
	long flags = flags_of(argument, size);
	int made = 0, handle;

	while (made < TRIES) {
		/* Threads share memory, so each needs a stack; the library's clone() gives it. */
		long pid = flags & CLONE_VM ? clone(sleeper, stacks[made] + sizeof(stacks[made]),
		                                    (int)flags, NULL)
		                            : syscall(SYS_clone, flags, 0, &handle, 0, 0);

		if (pid == 0)
			sleeper(NULL);
		if (pid < 0)
			break;
		made++;
	}
	return faas_answer_format("{}", made);
}
