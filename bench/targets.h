#pragma once

/* Targets: what shall be reached, and whether it was. */
#include <stdbool.h>

#include "run.h"

/* What a target needs beside its series: bits above theirs. */
enum {
	NEED_FLOORS = (1U << (N_SATURATED + 1)) - 1,
	NEED_SCENE = (1U << SERIES_COUNT) - 1,
	NEED_SESSIONS = 1U << SERIES_COUNT,
	NEED_IDLE = 2U << SERIES_COUNT,
	NEED_CHURN = 4U << SERIES_COUNT,
	NEED_PYTHON = 8U << SERIES_COUNT,
};

enum kind {
	KIND_P50,
	KIND_P99,
	KIND_RATE,
	KIND_EACH,       /* time of the whole series by the number of its calls */
	KIND_DIFFERENCE, /* p50 of two series, less one of the other */
	KIND_SESSIONS_FORK,
	KIND_SESSIONS_REUSE,
	KIND_WAKE_UPS,
	KIND_MEMORY,
	KIND_CHURN,
	KIND_PYTHON_MEMORY,
	KIND_PYTHON_OVERHEAD,
	KIND_PYTHON_RATE,
};

/**
 * struct target - a line of the table
 * @ours:     series; with KIND_DIFFERENCE @less is taken from it
 * @floors:   series whose sum it is compared with; SERIES_NONE: none
 * @floor:    what that is, for people
 * @at_least: more is better
 * @bound:    of the ratio, or of the value itself where there is no floor
 */
struct target {
	const char *name, *what, *unit;
	enum kind kind;
	enum series ours, less, floors[2];
	const char *floor;
	bool at_least;
	double bound;
};

enum { TARGET_COUNT = 24 };
extern const struct target target_table[TARGET_COUNT];

/**
 * struct outcome - of a target in a run; medians of the rounds
 * @skipped: why there is none, or NULL
 * @ratio:   of the ratios of each round, so that the machine's moods cancel out; 0 without a floor
 * @least, @most: of the rounds' ratios; of their values without a floor
 */
struct outcome {
	const char *skipped;
	double value, floor, ratio, least, most;
	bool met;
	bool undecided; /* not so in every round */
};

/** targets_need() - what a set of targets needs: series by number, and NEED_* */
unsigned targets_need(unsigned targets);

/** target_judge() - what came of it */
void target_judge(const struct target *target, const struct run *run, struct outcome *ret);
