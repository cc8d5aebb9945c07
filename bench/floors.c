#include "floors.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system/ipc.h>

enum { IDLE, ASKED, ANSWERED };

struct partner {
	_Atomic uint32_t word;
	pid_t pid;
};

static void wait_while(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) == value)
		sys_word_wait(word, value, 0);
}

static void answer_for_ever(struct partner *partner)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		while (atomic_load(&partner->word) != ASKED)
			sys_word_wait(&partner->word, atomic_load(&partner->word), 0);
		atomic_store(&partner->word, ANSWERED);
		sys_word_wake(&partner->word);
	}
}

int partner_new(struct partner **ret)
{
	struct partner *partner = mmap(NULL, sizeof(*partner), PROT_READ | PROT_WRITE,
	                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (partner == MAP_FAILED)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int error = -errno;

		munmap(partner, sizeof(*partner));
		return error;
	}
	if (pid == 0)
		answer_for_ever(partner);
	partner->pid = pid;
	*ret = partner;
	return 0;
}

void partner_free(struct partner *partner)
{
	kill(partner->pid, SIGKILL);
	waitpid(partner->pid, NULL, 0);
	munmap(partner, sizeof(*partner));
}

int64_t floor_round_trip(struct partner *partner)
{
	uint64_t start = sys_clock_ns();

	atomic_store(&partner->word, ASKED);
	sys_word_wake(&partner->word);
	wait_while(&partner->word, ASKED);
	return (int64_t)(sys_clock_ns() - start);
}

static int64_t wait_for(pid_t pid, uint64_t start)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? (int64_t)(sys_clock_ns() - start)
	                                                 : -ECHILD;
}

int64_t floor_fork(void)
{
	uint64_t start = sys_clock_ns();
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -errno : wait_for(pid, start);
}

int64_t floor_spawn(const char *path)
{
	char *const argv[] = {(char *)path, NULL}, *const envp[] = {NULL};
	uint64_t start = sys_clock_ns();
	pid_t pid;
	int error = posix_spawn(&pid, path, NULL, NULL, argv, envp);

	return error ? -error : wait_for(pid, start);
}
