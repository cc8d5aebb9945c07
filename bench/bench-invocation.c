/*
 * bench-invocation: what an empty invocation costs, as multiples of what waking,
 * forking and starting a process cost on the same core, at the same pace, in the
 * same run. Absolute times mean little on a shared machine; ratios last.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <mett-eagle/client.h>

#include <system/ipc.h>

#include "floors.h"

enum {
	ROUNDS = 5,
	SAMPLES = 2000,     /* a round, of each */
	SLOW_SAMPLES = 400, /* of what is slow */
	PACE_NS = 1000000,
	WARM_UP = 20,
};

struct bench {
	struct mett_client *client;
	struct partner *partner;
	const char *program;
	const char *action;
};

struct series {
	const char *name;
	const char *what;
	int64_t (*measure)(struct bench *bench);
	unsigned samples;
	double p50[ROUNDS], p99[ROUNDS];
};

__attribute__((noreturn)) static void die(const char *what, int64_t error)
{
	fmt_print(stderr, "bench-invocation: {}: {}\n", what, strerror((int)-error));
	exit(1);
}

static int64_t measure_round_trip(struct bench *bench)
{
	return floor_round_trip(bench->partner);
}

static int64_t measure_fork(struct bench *bench)
{
	return floor_fork();
}

static int64_t measure_spawn(struct bench *bench)
{
	return floor_spawn(bench->program);
}

static int64_t measure_invocation(struct bench *bench)
{
	struct mett_result result = {0};
	uint64_t start = sys_clock_ns();
	int error = mett_action_invoke(bench->client, bench->action, NULL, 0, NULL, &result);
	int64_t took = (int64_t)(sys_clock_ns() - start);

	if (error) {
		fmt_print(stderr, "bench-invocation: {}\n", result.error.message);
		exit(1);
	}
	mett_result_deinit(&result);
	return took;
}

static int64_t measure_policy_fork(struct bench *bench)
{
	bench->action = "fork";
	return measure_invocation(bench);
}

static int64_t measure_policy_spawn(struct bench *bench)
{
	bench->action = "spawn";
	return measure_invocation(bench);
}

static int64_t measure_policy_reuse(struct bench *bench)
{
	bench->action = "reuse";
	return measure_invocation(bench);
}

static int by_value(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static int by_double(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

/* One round of one series, a sample a millisecond. */
static void run_round(struct bench *bench, struct series *series, unsigned round)
{
	static int64_t took[SAMPLES];
	struct timespec next;

	for (unsigned i = 0; i < WARM_UP; i++)
		series->measure(bench);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned i = 0; i < series->samples; i++) {
		next.tv_nsec += PACE_NS;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			;
		took[i] = series->measure(bench);
		if (took[i] < 0)
			die(series->name, took[i]);
	}
	qsort(took, series->samples, sizeof(*took), by_value);
	series->p50[round] = (double)took[series->samples / 2] / 1000;
	series->p99[round] = (double)took[series->samples * 99 / 100] / 1000;
}

static pid_t start_server(const char *server, const char *socket)
{
	int ready[2];
	char fd[16], byte;

	if (pipe(ready) < 0)
		die("pipe", -errno);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		close(ready[0]);
		fmt_format(fd, sizeof(fd), "{}", ready[1]);
		setenv("LOG_LEVEL", "warn", 0);
		execl(server, server, "--socket", socket, "--ready-fd", fd, NULL);
		_exit(127);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		die("the server did not start", pid < 0 ? -errno : -ECHILD);
	close(ready[0]);
	return pid;
}

static void set_up(struct bench *bench, const char *socket, const char *function)
{
	static const struct {
		const char *name;
		enum mett_policy policy;
	} actions[] = {
		{"fork", METT_POLICY_FORK},
		{"spawn", METT_POLICY_SPAWN},
		{"reuse", METT_POLICY_REUSE},
	};
	struct mett_error error;
	cpu_set_t core;

	if (mett_register_client(socket, &bench->client, &error)) {
		fmt_print(stderr, "bench-invocation: {}\n", error.message);
		exit(1);
	}
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		struct mett_action_options options = {.policy = actions[i].policy};

		if (mett_action_create_path(bench->client, actions[i].name, function, &options,
		                            &error)) {
			fmt_print(stderr, "bench-invocation: {}\n", error.message);
			exit(1);
		}
	}
	/* Everything on one core, the floors too. */
	CPU_ZERO(&core);
	CPU_SET(mett_client_core(bench->client), &core);
	if (sched_setaffinity(0, sizeof(core), &core) < 0)
		die("cannot stay on the client's core", -errno);
	int failed = partner_new(&bench->partner);
	if (failed)
		die("partner", failed);
}

static double median(const double *values)
{
	double sorted[ROUNDS];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(*sorted), by_double);
	return sorted[ROUNDS / 2];
}

static double extreme(const double *values, int largest)
{
	double best = values[0];

	for (unsigned i = 1; i < ROUNDS; i++)
		if (largest ? values[i] > best : values[i] < best)
			best = values[i];
	return best;
}

static void print(const struct series *series, unsigned count)
{
	double floor[3];

	for (unsigned i = 0; i < 3; i++)
		floor[i] = median(series[i].p50);
	fmt_print(stdout, "{} rounds, one call a millisecond, all on one core; us\n\n",
	          (int)ROUNDS);
	fmt_print(stdout, "{:<34} {:>9} {:>17} {:>9} {:>7} {:>7} {:>7}\n", "", "p50", "of rounds",
	          "p99", "/ R", "/ F", "/ S");
	for (unsigned i = 0; i < count; i++) {
		double p50 = median(series[i].p50);
		char range[32];

		fmt_format(range, sizeof(range), "{:.1f}-{:.1f}", extreme(series[i].p50, 0),
		           extreme(series[i].p50, 1));
		fmt_print(stdout, "{:<34} {:>9.1f} {:>17} {:>9.1f} {:>7.2f} {:>7.2f} {:>7.3f}\n",
		          series[i].what, p50, range, median(series[i].p99), p50 / floor[0],
		          p50 / floor[1], p50 / floor[2]);
	}
}

int main(int argc, char **argv)
{
	struct series series[] = {
		{"R", "R: futex round trip", measure_round_trip, SAMPLES, {0}, {0}},
		{"F", "F: fork, exit, wait", measure_fork, SAMPLES, {0}, {0}},
		{"S", "S: posix_spawn, wait", measure_spawn, SLOW_SAMPLES, {0}, {0}},
		{"fork", "invocation, policy fork", measure_policy_fork, SAMPLES, {0}, {0}},
		{"reuse", "invocation, policy reuse", measure_policy_reuse, SAMPLES, {0}, {0}},
		{"spawn", "invocation, policy spawn", measure_policy_spawn, SLOW_SAMPLES, {0}, {0}},
	};
	enum { COUNT = sizeof(series) / sizeof(*series) };
	char folder[] = "/tmp/bench-XXXXXX", socket[64];
	struct bench bench = {0};

	if (argc != 4) {
		fmt_print(stderr, "Usage: bench-invocation SERVER FUNCTION PROGRAM\n");
		return 2;
	}
	bench.program = argv[3];
	if (!mkdtemp(folder))
		die(folder, -errno);
	fmt_format(socket, sizeof(socket), "{}/socket", folder);
	pid_t server = start_server(argv[1], socket);
	set_up(&bench, socket, argv[2]);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < COUNT; i++)
			run_round(&bench, &series[i], round);
	print(series, COUNT);
	partner_free(bench.partner);
	mett_client_free(bench.client);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	rmdir(folder);
	return 0;
}
