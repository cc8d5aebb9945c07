#include "floors.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include <system/ipc.h>

/* Those of system/linux/launcher.c. */
#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)

enum { IDLE, ASKED, ANSWERED };

/* What both processes, and the partner, see. */
struct shared {
	_Atomic uint32_t word;
	int64_t samples[FLOOR_SAMPLES_MAX];
};

struct floors {
	struct shared *shared;
	int talk; /* requests, and answers to them */
	pid_t pid;
};

struct request {
	enum floor floor;
	unsigned core;
	struct load load;
};

struct answer {
	int error;
	uint64_t elapsed;
};

/* State of the measuring process. */
struct measurer {
	struct shared *shared;
	const char *program;
	pid_t partner;
};

const char *floor_name(enum floor floor)
{
	static const char *const names[] = {"R", "F", "S", "N"};

	return names[floor];
}

static int64_t round_trip(void *data)
{
	_Atomic uint32_t *word = &((struct measurer *)data)->shared->word;
	uint64_t start = sys_clock_ns();

	atomic_store(word, ASKED);
	sys_word_wake(word);
	while (atomic_load(word) == ASKED)
		sys_word_wait(word, ASKED, 0);
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

static int64_t fork_and_wait(void *data)
{
	uint64_t start = sys_clock_ns();
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -errno : wait_for(pid, start);
}

static int64_t spawn_and_wait(void *data)
{
	const char *program = ((struct measurer *)data)->program;
	char *const argv[] = {(char *)program, NULL}, *const envp[] = {NULL};
	uint64_t start = sys_clock_ns();
	pid_t pid;
	int error = posix_spawn(&pid, program, NULL, NULL, argv, envp);

	return error ? -error : wait_for(pid, start);
}

static int64_t confine_and_wait(void *data)
{
	struct clone_args args = {.flags = NAMESPACES, .exit_signal = SIGCHLD};
	uint64_t start = sys_clock_ns();
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -errno : wait_for(pid, start);
}

__attribute__((noreturn)) static void answer_for_ever(_Atomic uint32_t *word)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		while (atomic_load(word) != ASKED)
			sys_word_wait(word, atomic_load(word), 0);
		atomic_store(word, ANSWERED);
		sys_word_wake(word);
	}
}

static struct answer serve(struct measurer *measurer, const struct request *request)
{
	static pace_call *const calls[] = {round_trip, fork_and_wait, spawn_and_wait,
	                                   confine_and_wait};
	struct answer answer = {0};

	answer.error = pace_stay(0, request->core);
	if (!answer.error)
		answer.error = pace_stay(measurer->partner, request->core);
	if (!answer.error)
		answer.error = pace_run(&request->load, calls[request->floor], measurer,
		                        measurer->shared->samples, &answer.elapsed);
	return answer;
}

__attribute__((noreturn)) static void measure_for_ever(struct measurer *measurer, int talk)
{
	struct request request;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	measurer->partner = fork();
	if (measurer->partner == 0)
		answer_for_ever(&measurer->shared->word);
	while (measurer->partner > 0 && read(talk, &request, sizeof(request)) == sizeof(request)) {
		struct answer answer = serve(measurer, &request);

		if (write(talk, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	if (measurer->partner > 0)
		kill(measurer->partner, SIGKILL);
	_exit(0);
}

int floors_new(const char *program, struct floors **ret)
{
	struct floors *floors = malloc(sizeof(*floors));
	int talk[2];

	if (!floors)
		return -ENOMEM;
	floors->shared = mmap(NULL, sizeof(*floors->shared), PROT_READ | PROT_WRITE,
	                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (floors->shared == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
		return -errno;
	floors->pid = fork();
	if (floors->pid == 0) {
		struct measurer measurer = {floors->shared, program, 0};

		close(talk[0]);
		measure_for_ever(&measurer, talk[1]);
	}
	close(talk[1]);
	floors->talk = talk[0];
	if (floors->pid < 0)
		return -errno;
	*ret = floors;
	return 0;
}

void floors_free(struct floors *floors)
{
	close(floors->talk);
	waitpid(floors->pid, NULL, 0);
	munmap(floors->shared, sizeof(*floors->shared));
	free(floors);
}

int floors_measure(struct floors *floors, enum floor floor, unsigned core, const struct load *load,
                   int64_t *samples, uint64_t *ret_elapsed)
{
	struct request request = {floor, core, *load};
	struct answer answer;

	if (load->count > FLOOR_SAMPLES_MAX)
		return -EINVAL;
	if (write(floors->talk, &request, sizeof(request)) < 0)
		return -errno;
	if (read(floors->talk, &answer, sizeof(answer)) != sizeof(answer))
		return -EPIPE;
	if (answer.error)
		return answer.error;
	memcpy(samples, floors->shared->samples, load->count * sizeof(*samples));
	*ret_elapsed = answer.elapsed;
	return 0;
}
