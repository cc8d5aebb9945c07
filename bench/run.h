#pragma once

/*
 * Run: all that is measured, round by round, so that what is compared is
 * measured at nearly the same time; a machine's mood changes within seconds.
 */
#include <mett-eagle/common.h>

#include "idle.h"
#include "options.h"
#include "python.h"
#include "sessions.h"
#include "stats.h"

/** enum series - what is called many times in each round, in this order; floors come first */
enum series {
	R_PACED,
	F_PACED,
	S_PACED,
	N_PACED,
	R_SATURATED,
	F_SATURATED,
	S_SATURATED,
	N_SATURATED,
	FORK_PACED,
	FULL_PACED, /* as FORK_PACED, on a full server */
	REUSE_PACED,
	NESTED_PACED,
	FORK_SATURATED,
	REUSE_SATURATED,
	SPAWN_SATURATED,
	SPAWN_ONE_CORE, /* the same, on a server that has the client's core alone */
	COLD_PACED,
	SMALL_PACED,
	LARGE_PACED,
	COPY_PACED,
	NAMED_PACED,    /* as FORK_PACED, in a named namespace */
	RECORDED_PACED, /* the same, with a recorder */
	STALLED_PACED,  /* the same, with one that is stopped */
	PYTHON_PACED,
	PYTHON_SATURATED,
	PYTHON_FORK, /* saturated */
	PYTHON_START,
	SERIES_COUNT,
	SERIES_NONE = SERIES_COUNT,
};

/** struct figures - of a series, a value a round; times in microseconds */
struct figures {
	double p50[ROUNDS_MAX], p99[ROUNDS_MAX], per_second[ROUNDS_MAX];
	unsigned rounds;  /* 0: was not measured */
	unsigned samples; /* in each round */
};

enum { LOADED_FORK, LOADED_REUSE, LOADED_COUNT }; /* policies of several sessions */
enum { STEPS_MAX = 16 };

/** struct throughput - invocations a second by number of sessions, each on a core of its own */
struct throughput {
	unsigned sessions;
	double per_second[LOADED_COUNT][ROUNDS_MAX]; /* of one: the mean of each of two alone */
};

struct run {
	const struct options *options;
	unsigned cores; /* that we may use */
	struct figures figures[SERIES_COUNT];
	struct phases phases[LOADED_COUNT]; /* of paced invocations */
	struct throughput throughput[STEPS_MAX];
	unsigned step_count; /* 0: was not measured */
	struct idle idle;
	double python_kib[ROUNDS_MAX];
	struct python_load python_load[ROUNDS_MAX];
	unsigned churned; /* actions */
	double churn_first[ROUNDS_MAX], churn_last[ROUNDS_MAX];
	double seconds; /* that it all took */
};

/** run_all() - measure what the options ask for; what cannot be measured ends the program */
void run_all(struct run *ret, const struct options *options);

/** run_deinit() */
void run_deinit(struct run *run);

/** run_has_python() - is there a runtime to measure? */
bool run_has_python(const struct run *run);

/** run_step() - number of throughput's step with so many sessions, or -1 */
int run_step(const struct run *run, unsigned sessions);
