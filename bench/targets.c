#include "targets.h"

#define NO SERIES_NONE

const struct target target_table[TARGET_COUNT] = {
	{"fork-p50",
         "fork, paced, p50",
         "us",
         KIND_P50,
         FORK_PACED,
         NO,
         {R_PACED, NO},
         "R",
         false,
         2},
	{"fork-p99",
         "fork, paced, p99",
         "us",
         KIND_P99,
         FORK_PACED,
         NO,
         {R_PACED, NO},
         "p99 of R",
         false,
         3},
	{"reuse-p50",
         "reuse, paced, p50",
         "us",
         KIND_P50,
         REUSE_PACED,
         NO,
         {R_PACED, NO},
         "R",
         false,
         2},
	{"reuse-rate",
         "reuse, saturated",
         "/s",
         KIND_RATE,
         REUSE_SATURATED,
         NO,
         {R_SATURATED, NO},
         "1/R",
         true,
         0.5},
	{"fork-rate",
         "fork, saturated",
         "/s",
         KIND_RATE,
         FORK_SATURATED,
         NO,
         {F_SATURATED, NO},
         "1/F",
         true,
         0.75},
	{"sessions-fork",
         "two sessions, two cores, fork",
         "/s",
         KIND_SESSIONS_FORK,
         NO,
         NO,
         {NO, NO},
         "one",
         true,
         1.8},
	{"sessions-reuse",
         "two sessions, two cores, reuse",
         "/s",
         KIND_SESSIONS_REUSE,
         NO,
         NO,
         {NO, NO},
         "one",
         true,
         1.8},
	{"spawn",
         "spawn, saturated, p50",
         "us",
         KIND_P50,
         SPAWN_SATURATED,
         NO,
         {S_SATURATED, N_SATURATED},
         "S+N",
         false,
         1.3},
	{"spawn-one-core",
         "spawn, saturated, on one core, each",
         "us",
         KIND_EACH,
         SPAWN_ONE_CORE,
         NO,
         {S_SATURATED, N_SATURATED},
         "S+N",
         false,
         1.3},
	{"cold",
         "cold first invocation, p50",
         "us",
         KIND_P50,
         COLD_PACED,
         NO,
         {S_PACED, N_PACED},
         "S+N",
         false,
         1.5},
	{"full",
         "1000 actions, 200 sessions, p50",
         "us",
         KIND_P50,
         FULL_PACED,
         NO,
         {FORK_PACED, NO},
         "alone",
         false,
         1.2},
	{"large",
         "echo of 1 MiB, less a small call",
         "us",
         KIND_DIFFERENCE,
         LARGE_PACED,
         SMALL_PACED,
         {COPY_PACED, NO},
         "memcpy",
         false,
         4},
	{"nested",
         "nested invocation, p50",
         "us",
         KIND_P50,
         NESTED_PACED,
         NO,
         {FORK_PACED, NO},
         "plain",
         false,
         2.2},
	{"wake-ups",
         "100 parked workers, idle for 10 s",
         "wake-ups",
         KIND_WAKE_UPS,
         NO,
         NO,
         {NO, NO},
         NULL,
         false,
         0},
	{"parked",
         "proportional memory of each",
         "KiB",
         KIND_MEMORY,
         NO,
         NO,
         {NO, NO},
         NULL,
         false,
         200},
	{"churn",
         "create, delete 10000: last tenth",
         "us",
         KIND_CHURN,
         NO,
         NO,
         {NO, NO},
         "first tenth",
         false,
         1.2},
	{"recorded",
         "fork, recorded, paced, p50",
         "us",
         KIND_P50,
         RECORDED_PACED,
         NO,
         {NAMED_PACED, NO},
         "not recorded",
         false,
         1.05},
	{"recorder-stopped",
         "the same, recorder stopped",
         "us",
         KIND_P50,
         STALLED_PACED,
         NO,
         {NAMED_PACED, NO},
         "not recorded",
         false,
         1.05},
	{"python-p50",
         "Python, fork, paced, p50",
         "us",
         KIND_P50,
         PYTHON_PACED,
         NO,
         {R_PACED, NO},
         "R",
         false,
         8},
	{"python-rate",
         "Python, fork, saturated",
         "/s",
         KIND_RATE,
         PYTHON_SATURATED,
         NO,
         {PYTHON_FORK, NO},
         "fork of as much",
         true,
         0.6},
	{"python-start",
         "Python, against python3 -S -c, p50",
         "us",
         KIND_P50,
         PYTHON_PACED,
         NO,
         {PYTHON_START, NO},
         "python3 -S -c",
         false,
         0.01},
	{"python-parked",
         "Python with imports, memory of each",
         "KiB",
         KIND_PYTHON_MEMORY,
         NO,
         NO,
         {NO, NO},
         NULL,
         false,
         3072},
	{"python-sleep",
         "16 clients sleep 50 ms, overhead, p50",
         "us",
         KIND_PYTHON_OVERHEAD,
         NO,
         NO,
         {NO, NO},
         NULL,
         false,
         1000},
	{"python-sleep-rate",
         "the same, all together",
         "/s",
         KIND_PYTHON_RATE,
         NO,
         NO,
         {NO, NO},
         NULL,
         true,
         16 * 19},
};

static unsigned bit(enum series series)
{
	return series == SERIES_NONE ? 0 : 1U << series;
}

static unsigned need(const struct target *target)
{
	switch (target->kind) {
	case KIND_SESSIONS_FORK:
	case KIND_SESSIONS_REUSE:
		return NEED_SESSIONS;
	case KIND_WAKE_UPS:
	case KIND_MEMORY:
		return NEED_IDLE;
	case KIND_CHURN:
		return NEED_CHURN;
	case KIND_PYTHON_MEMORY:
	case KIND_PYTHON_OVERHEAD:
	case KIND_PYTHON_RATE:
		return NEED_PYTHON;
	default:
		return bit(target->ours) | bit(target->less) | bit(target->floors[0]) |
		       bit(target->floors[1]);
	}
}

unsigned targets_need(unsigned targets)
{
	unsigned needs = 0;

	for (unsigned i = 0; i < TARGET_COUNT; i++)
		if (targets & 1U << i)
			needs |= need(&target_table[i]);
	return needs;
}

static double figure(const struct run *run, enum series series, enum kind kind, unsigned round)
{
	const struct figures *figures = &run->figures[series];

	if (series == SERIES_NONE)
		return 0;
	return kind == KIND_P99    ? figures->p99[round]
	       : kind == KIND_RATE ? figures->per_second[round]
	       : kind == KIND_EACH ? 1e6 / figures->per_second[round]
	                           : figures->p50[round];
}

static void judge_round(const struct target *target, const struct run *run, unsigned round,
                        double *value, double *floor)
{
	unsigned policy = target->kind == KIND_SESSIONS_REUSE ? LOADED_REUSE : LOADED_FORK;

	*floor = 0;
	switch (target->kind) {
	case KIND_SESSIONS_FORK:
	case KIND_SESSIONS_REUSE:
		*value = run->throughput[run_step(run, 2)].per_second[policy][round];
		*floor = run->throughput[run_step(run, 1)].per_second[policy][round];
		break;
	case KIND_WAKE_UPS:
		*value = run->idle.wake_ups[round];
		break;
	case KIND_MEMORY:
		*value = run->idle.parked_kib[round];
		break;
	case KIND_PYTHON_MEMORY:
		*value = run->python_kib[round];
		break;
	case KIND_PYTHON_OVERHEAD:
		*value = run->python_load[round].overhead_us;
		break;
	case KIND_PYTHON_RATE:
		*value = run->python_load[round].per_second;
		break;
	case KIND_CHURN:
		*value = run->churn_last[round];
		*floor = run->churn_first[round];
		break;
	default:
		*value = figure(run, target->ours, target->kind, round) -
		         figure(run, target->less, target->kind, round);
		*floor = figure(run, target->floors[0], target->kind, round) +
		         figure(run, target->floors[1], target->kind, round);
	}
}

static bool reaches(const struct target *target, double value)
{
	return target->at_least ? value >= target->bound : value <= target->bound;
}

static bool needs_python(const struct target *target)
{
	return need(target) == NEED_PYTHON || (target->ours != NO && target->ours >= PYTHON_PACED);
}

void target_judge(const struct target *target, const struct run *run, struct outcome *ret)
{
	double value[ROUNDS_MAX], floor[ROUNDS_MAX], ratio[ROUNDS_MAX];
	const double *judged = target->floor ? ratio : value;
	unsigned rounds = run->options->rounds;

	*ret = (struct outcome){0};
	if (need(target) == NEED_SESSIONS && run_step(run, 2) < 0) {
		ret->skipped = "needs two cores";
		return;
	}
	if (needs_python(target) && !run_has_python(run)) {
		ret->skipped = "the server was built without Python";
		return;
	}
	if (need(target) == NEED_IDLE && run->idle.parked < IDLE_WORKERS) {
		ret->skipped = "fewer than 100 workers stayed parked";
		return;
	}
	for (unsigned i = 0; i < rounds; i++) {
		judge_round(target, run, i, &value[i], &floor[i]);
		ratio[i] = floor[i] > 0 ? value[i] / floor[i] : 0;
	}
	/* Of wake-ups each one counts. */
	ret->value = target->kind == KIND_WAKE_UPS ? stats_sum(value, rounds)
	                                           : stats_median(value, rounds);
	ret->floor = stats_median(floor, rounds);
	ret->ratio = stats_median(ratio, rounds);
	ret->least = stats_least(judged, rounds);
	ret->most = stats_most(judged, rounds);
	double reached = target->floor ? ret->ratio : ret->value;
	ret->met = reaches(target, reached);
	ret->undecided = target->kind != KIND_WAKE_UPS &&
	                 reaches(target, ret->least) != reaches(target, ret->most);
}
