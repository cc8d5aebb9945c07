#include "run.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <system/ipc.h>

#include "churn.h"
#include "fail.h"
#include "floors.h"
#include "pace.h"
#include "targets.h"

enum {
	WARM_UP = 20,
	IDLE_MS = 10000, /* at a stretch */
	IDLE_QUICK_MS = 1000,
	SESSIONS_MS = 400, /* a round, of each number of sessions */
	SESSIONS_QUICK_MS = 50,
	CHURNED = 10000,
	CHURNED_QUICK = 500,
	SLEEPS = 40, /* of each client, a round */
	SLEEPS_QUICK = 4,
	SAMPLES_MAX = FLOOR_SAMPLES_MAX,
};

/* Samples are those of a round; slow calls have less of them. */
static const struct plan {
	const char *name;
	pace_call *call; /* NULL: a floor's */
	unsigned samples, quick;
	unsigned pace_ns;
} plans[SERIES_COUNT] = {
	[R_PACED] = {"R", NULL, 2000, 60, PACE_NS},
	[F_PACED] = {"F", NULL, 1000, 60, PACE_NS},
	[S_PACED] = {"S", NULL, 300, 30, PACE_NS},
	[N_PACED] = {"N", NULL, 300, 20, PACE_NS},
	[R_SATURATED] = {"R saturated", NULL, 5000, 500, 0},
	[F_SATURATED] = {"F saturated", NULL, 1500, 100, 0},
	[S_SATURATED] = {"S saturated", NULL, 300, 30, 0},
	[N_SATURATED] = {"N saturated", NULL, 300, 20, 0},
	[FORK_PACED] = {"fork", scene_call_fork, 2000, 60, PACE_NS},
	[FULL_PACED] = {"full server", scene_call_fork, 1000, 60, PACE_NS},
	[REUSE_PACED] = {"reuse", scene_call_reuse, 2000, 60, PACE_NS},
	[NESTED_PACED] = {"nested", scene_call_nested, 1000, 60, PACE_NS},
	[FORK_SATURATED] = {"fork saturated", scene_call_fork, 1500, 100, 0},
	[REUSE_SATURATED] = {"reuse saturated", scene_call_reuse, 5000, 500, 0},
	/* Paced, a server with cores to spare has the next one ready. Saturated, it makes it
           on one of them while we start another; with ours alone it can hide nothing. */
	[SPAWN_SATURATED] = {"spawn", scene_call_spawn, 300, 20, 0},
	[SPAWN_ONE_CORE] = {"spawn on one core", scene_call_spawn, 200, 20, 0},
	[COLD_PACED] = {"cold", scene_call_cold, 100, 10, PACE_NS},
	[SMALL_PACED] = {"empty echo", scene_call_small, 500, 30, PACE_NS},
	[LARGE_PACED] = {"large echo", scene_call_large, 300, 20, PACE_NS},
	[COPY_PACED] = {"memcpy", scene_copy, 300, 20, PACE_NS},
	[NAMED_PACED] = {"fork in a namespace", scene_call_fork, 2000, 60, PACE_NS},
	[RECORDED_PACED] = {"fork, recorded", scene_call_fork, 2000, 60, PACE_NS},
	[STALLED_PACED] = {"fork, recorder stopped", scene_call_fork, 2000, 60, PACE_NS},
	[PYTHON_PACED] = {"Python", python_call, 2000, 60, PACE_NS},
	[PYTHON_SATURATED] = {"Python saturated", python_call, 1500, 100, 0},
	[PYTHON_FORK] = {"fork of as much", python_fork, 1500, 100, 0},
	[PYTHON_START] = {"python3", python_start, 100, 5, PACE_NS},
};

/* What it takes to measure, there as far as it is needed. */
struct stage {
	struct run *run;
	unsigned needs;
	struct floors *floors;
	struct sessions *sessions;
	struct scene plain, full, lone;
	struct scene named, recorded, stalled;
	struct churn *churn;
};

static void show(const struct run *run, unsigned round, const char *what)
{
	if (isatty(STDERR_FILENO))
		fmt_print(stderr, "\r\x1b[K{}/{} {}", round + 1, run->options->rounds, what);
}

static struct phases *phases_of(struct run *run, enum series series)
{
	return series == FORK_PACED    ? &run->phases[LOADED_FORK]
	       : series == REUSE_PACED ? &run->phases[LOADED_REUSE]
	                               : NULL;
}

/* Calls that warm up are in no phase either. */
static int call_scene(struct scene *scene, struct phases *phases, pace_call *call,
                      const struct load *load, int64_t *samples, uint64_t *ret_elapsed)
{
	struct load warm_up = {.warm_up = load->warm_up}, measured = *load;
	int error = pace_run(&warm_up, call, scene, samples, ret_elapsed);

	if (error)
		return error;
	measured.warm_up = 0;
	scene->phases = phases;
	error = pace_run(&measured, call, scene, samples, ret_elapsed);
	scene->phases = NULL;
	return error;
}

static struct scene *scene_of(struct stage *stage, enum series series)
{
	switch (series) {
	case FULL_PACED:
		return &stage->full;
	case SPAWN_ONE_CORE:
		return &stage->lone;
	case NAMED_PACED:
		return &stage->named;
	case RECORDED_PACED:
		return &stage->recorded;
	case STALLED_PACED:
		return &stage->stalled;
	default:
		return &stage->plain;
	}
}

static void measure_series(struct stage *stage, enum series series, unsigned round)
{
	static int64_t samples[SAMPLES_MAX];
	struct run *run = stage->run;
	const struct plan *plan = &plans[series];
	struct figures *figures = &run->figures[series];
	struct load load = {run->options->quick ? plan->quick : plan->samples,
	                    series == COLD_PACED ? 1 : WARM_UP, plan->pace_ns};
	struct scene *scene = scene_of(stage, series);
	unsigned core = mett_client_core(scene->client);
	uint64_t elapsed;
	int error;

	show(run, round, plan->name);
	/* All on one core, the floors too. */
	error = pace_stay(0, core);
	if (!error && !plan->call)
		error = floors_measure(stage->floors, (enum floor)(series % FLOOR_COUNT), core,
		                       &load, samples, &elapsed);
	else if (!error)
		error = call_scene(scene, phases_of(run, series), plan->call, &load, samples,
		                   &elapsed);
	if (error)
		fail(plan->name, error);
	stats_sort(samples, load.count);
	figures->p50[round] = (double)stats_percentile(samples, load.count, 50) / 1000;
	figures->p99[round] = (double)stats_percentile(samples, load.count, 99) / 1000;
	figures->per_second[round] = load.count * 1e9 / (double)elapsed;
	figures->samples = load.count;
	figures->rounds = round + 1;
}

/*
 * One session alone is measured on either core of the two it is compared with: the
 * machine's other work need not lie on both alike.
 */
static double measure_step(struct stage *stage, unsigned sessions, enum mett_policy policy)
{
	const struct run *run = stage->run;
	unsigned ms = run->options->quick ? SESSIONS_QUICK_MS : SESSIONS_MS;

	if (sessions > 1 || run->cores < 2)
		return sessions_run(stage->sessions, 0, sessions, policy, ms);
	return (sessions_run(stage->sessions, 0, 1, policy, ms) +
	        sessions_run(stage->sessions, 1, 1, policy, ms)) /
	       2;
}

static void measure_sessions(struct stage *stage, unsigned round)
{
	static const enum mett_policy policies[] = {METT_POLICY_FORK, METT_POLICY_REUSE};
	struct run *run = stage->run;

	show(run, round, "sessions");
	for (unsigned policy = 0; policy < LOADED_COUNT; policy++)
		for (unsigned i = 0; i < run->step_count; i++)
			run->throughput[i].per_second[policy][round] =
				measure_step(stage, run->throughput[i].sessions, policies[policy]);
}

static void measure_round(struct stage *stage, unsigned round)
{
	struct run *run = stage->run;

	for (unsigned i = 0; i < SERIES_COUNT; i++) {
		if (!(stage->needs & 1U << i) || (i >= PYTHON_PACED && !run_has_python(run)))
			continue;
		measure_series(stage, i, round);
	}
	if (stage->sessions)
		measure_sessions(stage, round);
	if (stage->needs & NEED_PYTHON && run_has_python(run)) {
		show(run, round, "Python");
		run->python_kib[round] = python_parked_kib(&run->options->files);
		python_sleepers(&run->options->files, run->options->quick ? SLEEPS_QUICK : SLEEPS,
		                &run->python_load[round]);
	}
	if (stage->churn) {
		show(run, round, "create and delete");
		churn_run(stage->churn, run->churned, &run->churn_first[round],
		          &run->churn_last[round]);
	}
}

static unsigned count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

/* 1, 2, 4 and so on, and as many as there are cores. */
static void plan_steps(struct run *run)
{
	unsigned most = run->cores < SESSIONS_MAX ? run->cores : SESSIONS_MAX;

	for (unsigned sessions = 1; sessions < most; sessions *= 2)
		run->throughput[run->step_count++].sessions = sessions;
	run->throughput[run->step_count++].sessions = most;
}

/* Each session and worker takes descriptors here and in the server, which inherits this. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Each beside the one without, at the same time. */
static void set_up_recorded(struct stage *stage, const struct files *files)
{
	if (stage->needs & 1U << NAMED_PACED)
		scene_new_named(&stage->named, files, SCENE_UNRECORDED);
	if (stage->needs & 1U << RECORDED_PACED)
		scene_new_named(&stage->recorded, files, SCENE_RECORDED);
	if (stage->needs & 1U << STALLED_PACED)
		scene_new_named(&stage->stalled, files, SCENE_STALLED);
}

static void set_up(struct stage *stage, struct run *run)
{
	const struct options *options = run->options;
	const struct files *files = &options->files;

	*stage = (struct stage){.run = run, .needs = targets_need(options->targets)};
	if (options->all)
		stage->needs |= NEED_FLOORS;
	raise_limits();
	/* The smallest first: others are forked from us, and have what we have. */
	int error = floors_new(files->program, &stage->floors);
	if (error)
		fail("floors", error);
	if (stage->needs & NEED_SESSIONS) {
		plan_steps(run);
		stage->sessions =
			sessions_new(files, run->throughput[run->step_count - 1].sessions);
	}
	if (stage->needs & NEED_CHURN) {
		stage->churn = churn_new(files);
		run->churned = options->quick ? CHURNED_QUICK : CHURNED;
	}
	if (stage->needs & NEED_SCENE)
		scene_new(&stage->plain, files);
	if (stage->needs & 1U << SPAWN_ONE_CORE)
		scene_new_on(&stage->lone, files, mett_client_core(stage->plain.client));
	if (stage->needs & 1U << FULL_PACED) {
		scene_new(&stage->full, files);
		scene_fill(&stage->full);
	}
	set_up_recorded(stage, files);
}

static void tear_down(struct stage *stage)
{
	struct scene *recorded[] = {&stage->named, &stage->recorded, &stage->stalled};

	for (unsigned i = 0; i < sizeof(recorded) / sizeof(*recorded); i++)
		if (recorded[i]->client)
			scene_free(recorded[i]);
	if (stage->full.client)
		scene_free(&stage->full);
	if (stage->lone.client)
		scene_free(&stage->lone);
	if (stage->plain.client)
		scene_free(&stage->plain);
	if (stage->churn)
		churn_free(stage->churn);
	if (stage->sessions)
		sessions_free(stage->sessions);
	floors_free(stage->floors);
}

void run_all(struct run *ret, const struct options *options)
{
	uint64_t start = sys_clock_ns();
	struct stage stage;

	*ret = (struct run){.options = options, .cores = count_cores()};
	show(ret, 0, "starting");
	set_up(&stage, ret);
	if (stage.needs & NEED_IDLE) {
		show(ret, 0, "idle server");
		idle_measure(&options->files, options->rounds,
		             options->quick ? IDLE_QUICK_MS : IDLE_MS, &ret->idle);
	}
	for (unsigned round = 0; round < options->rounds; round++)
		measure_round(&stage, round);
	show(ret, options->rounds - 1, "ending");
	tear_down(&stage);
	if (isatty(STDERR_FILENO))
		fmt_print(stderr, "\r\x1b[K");
	for (unsigned i = 0; i < LOADED_COUNT; i++)
		phases_sort(&ret->phases[i]);
	ret->seconds = (double)(sys_clock_ns() - start) / 1e9;
}

void run_deinit(struct run *run)
{
	for (unsigned i = 0; i < LOADED_COUNT; i++)
		phases_deinit(&run->phases[i]);
}

bool run_has_python(const struct run *run)
{
	return *run->options->files.python;
}

int run_step(const struct run *run, unsigned sessions)
{
	for (unsigned i = 0; i < run->step_count; i++)
		if (run->throughput[i].sessions == sessions)
			return (int)i;
	return -1;
}
