/* Makes processes at its start until it can make no more; answers how many it made. */
#include <faas.h>

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRIES = 5000 };

static int made;

/* Children of the server, as a zygote makes them; and those that end at once. */
int faas_init(void)
{
	int handle;

	while (made < TRIES) {
		long pid =
			syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, 0, &handle, 0, 0);
		if (pid == 0) {
			if (made % 2)
				_exit(0);
			for (;;)
				pause();
		}
		if (pid < 0)
			break;
		close(handle);
		made++;
	}
	return 0;
}

int faas_main(const void *argument, size_t size)
{
	return faas_answer_format("{}", made);
}
