/*
 * measure: time calls of one kind, and print the nanoseconds of each.
 *
 *	measure [--pace US] COUNT start PROGRAM [ARGUMENT]...
 *	measure [--pace US] COUNT get SOCKET
 *	measure [--pace US] COUNT invoke SOCKET FUNCTION fork|reuse|spawn
 *
 * With a pace, each call begins on the next tick of a clock with that period;
 * without, right after the one before it. Some calls more are made first and not
 * counted. SIGTERM and SIGINT let the call under way end, so that no peer is left
 * half started.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "measure.h"

enum { COUNT_MAX = 1000000, WARM_UP_MAX = 20 };

static volatile sig_atomic_t told_to_stop;

static void stop(int number)
{
	told_to_stop = 1;
}

int complain(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	return -1;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The next tick after now: one that has been missed is not made up for, as that
   would be another load. */
static void wait_for_tick(int64_t start, int64_t period)
{
	int64_t tick = start + ((now_ns() - start) / period + 1) * period;
	struct timespec until = {.tv_sec = tick / 1000000000, .tv_nsec = tick % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		if (told_to_stop)
			break;
}

static int measure(const struct way *way, int64_t *took, long count, int64_t period)
{
	long warm_up = count / 5 + 1 < WARM_UP_MAX ? count / 5 + 1 : WARM_UP_MAX;
	int64_t start = now_ns();

	for (long i = -warm_up; i < count; i++) {
		if (period)
			wait_for_tick(start, period);
		if (told_to_stop)
			return complain("measure", "stopped");
		int64_t begin = now_ns();
		if (way->call())
			return -1;
		if (i >= 0)
			took[i] = now_ns() - begin;
	}
	return 0;
}

static const struct way *find_way(const char *name, int arguments)
{
	static const struct way *const ways[] = {&way_start, &way_get, &way_invoke};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(ways[i]->name, name) && arguments >= ways[i]->arguments)
			return ways[i];
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		fprintf(stderr, "%s measure [--pace US] COUNT %s %s\n",
		        i ? "      " : "Usage:", ways[i]->name, ways[i]->usage);
	return NULL;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"pace", required_argument, NULL, 'p'}, {0}};
	int64_t period = 0;
	int option;

	/* "+": what comes behind the count belongs to the peer. */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) == 'p')
		period = atoll(optarg) * 1000;
	long count = option < 0 && optind < argc ? atol(argv[optind]) : 0;
	char **rest = argv + optind + 1;
	const struct way *way = find_way(argc - optind > 1 ? *rest : "", argc - optind - 2);
	if (!way || period < 0 || count < 1 || count > COUNT_MAX)
		return 2;

	int64_t *took = calloc((size_t)count, sizeof(*took));
	if (!took)
		return complain("measure", strerror(errno)) != 0;
	catch_signals();
	int failed = way->begin(rest + 1) || measure(way, took, count, period);
	if (way->end)
		way->end();
	for (long i = 0; i < count && !failed; i++)
		printf("%lld\n", (long long)took[i]);
	free(took);
	return failed;
}
