#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "activation.h"
#include "creation.h"
#include "lane.h"
#include "view.h"
#include "worker.h"

#define MS_NS ((uint64_t)1000000)

enum { LOOK_AFTER = 256 };

#define LINGER_NS (10 * MS_NS)

/* What this turn of the loop brings is looked at together: workers made together cost less. */
void pool_want_workers(struct pool *pool)
{
	if (list_empty(&pool->shortage))
		list_append(&pool->session->short_of_workers, &pool->shortage);
}

/* Fail all that wait: there will be no worker for them. */
static void fail_waiting(struct pool *pool, enum mett_reason reason, const char *why)
{
	pool->holding = true;
	while (!list_empty(&pool->waiting)) {
		struct activation *activation =
			LIST_ENTRY(pool->waiting.next, struct activation, wait);

		if (reason == METT_NO_STATE)
			activation_fail(activation, reason, 0, "{}", why);
		else
			activation_fail(activation, reason, 0, "action '{}' did not start: {}",
			                pool->name, why);
	}
}

/* Workers that a zygote was asked for and will not fork any more. */
static void drop_starting(struct pool *pool)
{
	list_for_each(link, &pool->others) {
		struct worker *worker = LIST_ENTRY(link, struct worker, link);

		if (worker->state != WORKER_STARTING)
			continue;
		list_remove(&worker->link);
		pool->other_count--;
		pool->starting_count -= !worker_is_callee(worker);
		worker_free(worker);
	}
}

static void drop_sandbox(struct pool *pool)
{
	timers_disarm(&pool->session->timers, &pool->start.timer);
	sys_sandbox_free(pool->sandbox);
	pool->sandbox = NULL;
	pool->state = POOL_COLD;
}

/* Who created the action is answered. What has failed is never used. */
static void end_creation(struct pool *pool, const char *why)
{
	char text[METT_MESSAGE_MAX];

	if (why)
		fmt_format(text, sizeof(text), "{}", why); /* it may lie in what is freed now */
	if (why || pool_spawns(pool))
		drop_sandbox(pool);
	creation_end(pool->creation, why ? text : NULL);
}

static void zygote_begun(void *owner)
{
	struct pool *pool = owner;

	start_await(&pool->start, &pool->session->timers, true);
}

static void zygote_ready(void *owner)
{
	struct pool *pool = owner;

	if (pool->state != POOL_STARTING)
		return;
	timers_disarm(&pool->session->timers, &pool->start.timer);
	pool->state = POOL_READY;
	if (pool->creation)
		end_creation(pool, NULL);
	pool_want_workers(pool);
}

static void zygote_failed(void *owner, const char *why)
{
	struct pool *pool = owner;

	if (pool->creation) {
		end_creation(pool, why);
		return;
	}
	if (pool->state == POOL_STARTING) {
		drop_sandbox(pool);
	} else {
		drop_starting(pool);
		pool->state = POOL_LAME;
	}
	fail_waiting(pool, METT_NO_START, why);
}

static void zygote_late(struct timer *timer)
{
	struct pool *pool = LIST_ENTRY(timer, struct pool, start.timer);
	char why[METT_MESSAGE_MAX];

	start_late(&pool->start, "its program", why);
	if (pool->creation) {
		end_creation(pool, why);
		return;
	}
	drop_sandbox(pool);
	fail_waiting(pool, METT_NO_START, why);
}

static void unpark(struct pool *pool)
{
	pool->parked_count--;
	if (pool->deployed)
		tally_unpark(pool->deployed);
}

static void leave_parked(struct pool *pool, struct worker *worker)
{
	list_remove(&worker->link);
	unpark(pool);
	list_append(&pool->others, &worker->link);
	pool->other_count++;
}

static void arm_idle(struct pool *pool)
{
	/* Without memory for the timer they only stay longer. */
	timers_arm(&pool->session->timers, &pool->idle,
	           sys_clock_ns() + METT_REUSE_IDLE_MS * MS_NS);
}

/*
 * Nobody came for a while: memory is worth more than the next one's time, and
 * under `reuse` that one shall find fresh processes. What is used past us still
 * counts as use.
 */
static void idle(struct timer *timer)
{
	struct pool *pool = LIST_ENTRY(timer, struct pool, idle);
	bool used = false;

	pool->warm = (struct window_warm){0};
	list_for_each(link, &pool->parked) {
		struct worker *worker = LIST_ENTRY(link, struct worker, link);

		if (lane_count(worker->lane) || !lane_disarm(worker->lane)) {
			used = true;
			if (lane_used(worker->lane))
				sys_worker_kill(worker->process);
			continue;
		}
		leave_parked(pool, worker);
		worker_release(worker, false);
		pool->holding = true;
	}
	if (used)
		arm_idle(pool);
	else
		pool->ahead = pool->session->server->config.parked;
	lanes_trim(pool);
}

struct sys_program pool_program(const struct pool *pool)
{
	return (struct sys_program){
		.name = pool->name,
		.dataspace = pool->version->program,
		.language = pool->options.language,
		.grants = pool->options.grants,
		.environment = pool->version->environment,
		.environment_size = pool->version->environment_size,
		.core = pool->session->core,
	};
}

static int start_zygote(struct pool *pool)
{
	static const struct sys_sandbox_handler handler = {zygote_begun, zygote_ready,
	                                                   zygote_failed};
	struct session *session = pool->session;
	struct sys_program program = pool_program(pool);
	int error = start_await(&pool->start, &session->timers, false);

	if (!error)
		error = sys_sandbox_new(session->server->host, session->loop, &program, &handler,
		                        pool, &pool->sandbox);
	if (error)
		timers_disarm(&session->timers, &pool->start.timer);
	else
		pool->state = POOL_STARTING;
	return error;
}

bool pool_spawns(const struct pool *pool)
{
	return pool->options.policy == METT_POLICY_SPAWN ||
	       pool->options.language == METT_LANGUAGE_EXEC ||
	       pool->options.language == METT_LANGUAGE_ACTIONLOOP;
}

int pool_start(struct pool *pool)
{
	pool->holding = true;
	return start_zygote(pool);
}

/* Positive: it is on its way. */
static int fetch(struct pool *pool)
{
	int error = view_fetch(pool);

	if (error)
		return error;
	pool->state = POOL_FETCHING;
	return 1;
}

/* Make one worker, or first what it is made from. Positive: nothing can be done now. */
static int supply_one(struct pool *pool)
{
	if (pool->version->program == SYS_NO_CAP)
		return pool->state == POOL_COLD ? fetch(pool) : 1;
	if (pool_spawns(pool) || pool->state == POOL_READY)
		return worker_new(pool, NULL);
	if (pool->state != POOL_COLD)
		return 1;
	int error = start_zygote(pool);
	return error ? error : 1;
}

/* Those the client is not at, or has not been at. */
static unsigned ready_count(const struct pool *pool)
{
	unsigned count = 0;

	list_for_each(link, &pool->parked)
		count += lane_unused(LIST_ENTRY(link, struct worker, link)->lane);
	return count;
}

/* What could not wait is not made ahead. */
static bool may_park(const struct pool *pool)
{
	return !pool->deployed || quota_has(&pool->deployed->space->quota, QUOTA_PARKED);
}

static unsigned demand(const struct pool *pool)
{
	/* Under `reuse`, who serves now serves again. */
	bool ahead = !pool->retired && !pool->holding && may_park(pool) &&
	             pool->options.policy != METT_POLICY_REUSE &&
	             pool->parked_count < pool->ahead + METT_IN_FLIGHT_MAX;

	return pool->waiting_count + (ahead ? pool->ahead : 0);
}

/* Somebody came and found none: they are used up faster than they are made. */
static void look_further_ahead(struct pool *pool)
{
	if (pool->options.policy != METT_POLICY_FORK || pool->state != POOL_READY)
		return;
	if (2 * pool->ahead <= pool->session->server->config.parked_max)
		pool->ahead *= 2;
	pool->least = pool->ahead;
	pool->gone = 0;
}

/* When half of them were never needed for a while, half are enough. */
static void look_less_ahead(struct pool *pool)
{
	unsigned ready = ready_count(pool), parked = pool->session->server->config.parked;

	if (ready < pool->least)
		pool->least = ready;
	if (++pool->gone < LOOK_AFTER)
		return;
	if (pool->least > pool->ahead / 2)
		pool->ahead = pool->ahead / 2 > parked ? pool->ahead / 2 : parked;
	pool->least = pool->ahead;
	pool->gone = 0;
}

static void leave_waiting(struct pool *pool, struct activation *activation)
{
	list_remove(&activation->wait);
	pool->waiting_count--;
}

/* The one that parked last, whose memory is warmest, unless the client is at it. NULL: none. */
static struct worker *take_parked(struct pool *pool)
{
	for (struct list *link = pool->parked.previous; link != &pool->parked;
	     link = link->previous) {
		struct worker *worker = LIST_ENTRY(link, struct worker, link);

		if (!lane_disarm(worker->lane))
			continue;
		leave_parked(pool, worker);
		return worker;
	}
	return NULL;
}

/* A client may be done with one meanwhile that was not free when they came. */
static void serve_waiting(struct pool *pool)
{
	struct worker *worker;

	while (!list_empty(&pool->waiting) && (worker = take_parked(pool))) {
		struct activation *activation =
			LIST_ENTRY(pool->waiting.next, struct activation, wait);

		leave_waiting(pool, activation);
		worker_start(worker, activation);
	}
}

/* Make as many workers as there is demand for. */
static void supply(struct pool *pool)
{
	int error = 0;

	serve_waiting(pool);
	while (!error && pool->starting_count + ready_count(pool) < demand(pool))
		error = supply_one(pool);
	if (!error)
		lanes_trim(pool);
	/* As long as some are on their way, their arrival is the time to try again. */
	if (error < 0 && !pool->starting_count)
		fail_waiting(pool, error == -EPIPE ? METT_NO_START : METT_NO_MEMORY,
		             error == -EPIPE
		                     ? "the server's launcher is gone; restart the server"
		                     : "the server has no memory or descriptors for its process; "
		                       "try later");
}

static struct lane *short_lane(const struct pool *pool)
{
	list_for_each(link, &pool->callees)
		if (lane_is_short(LIST_ENTRY(link, struct lane, link)))
			return LIST_ENTRY(link, struct lane, link);
	return NULL;
}

/* They are of no account among those that wait: where that is limited there are none. */
static bool may_have_callees(const struct pool *pool)
{
	return !pool->deployed || !quota_limit(&pool->deployed->space->quota, QUOTA_PARKED);
}

/* Whoever may call finds one ready, if that can be; else it asks us. */
static void supply_callees(struct pool *pool)
{
	struct lane *lane;

	if (pool->state != POOL_READY || pool->retired || pool->holding || !may_have_callees(pool))
		return;
	/* Each may change the list: theirs may have callees in this pool too. */
	while ((lane = short_lane(pool)))
		if (lane_take_again(lane) || worker_new(pool, lane))
			return;
}

void pools_supply(struct session *session)
{
	/* They order workers that call others' in turn. */
	while (!list_empty(&session->short_of_workers)) {
		struct pool *pool =
			LIST_ENTRY(session->short_of_workers.next, struct pool, shortage);

		list_remove(&pool->shortage);
		supply(pool);
		supply_callees(pool);
	}
}

bool pool_is_limited(const struct pool *pool)
{
	return pool->options.concurrency ||
	       (pool->deployed && quota_watches_calls(&pool->deployed->space->quota));
}

unsigned pool_running(const struct pool *pool)
{
	unsigned count = 0;

	list_for_each(link, &pool->session->activations)
		count += LIST_ENTRY(link, struct activation, link)->pool == pool;
	return count;
}

struct pool *pool_new(struct session *session, const char *name, struct version *version,
                      struct deployed *deployed)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	list_init(&pool->link);
	list_init(&pool->shortage);
	list_init(&pool->parked);
	list_init(&pool->others);
	list_init(&pool->waiting);
	list_init(&pool->spare);
	list_init(&pool->callees);
	pool->session = session;
	pool->options = version->options;
	pool->version = version_ref(version);
	pool->deployed = deployed ? deployed_ref(deployed) : NULL;
	pool->limited = pool_is_limited(pool);
	pool->ahead = pool->least = session->server->config.parked;
	pool->start.timer.expired = zygote_late;
	pool->idle.expired = idle;
	strcpy(pool->name, name); /* a lawful one fits */
	return pool;
}

void pool_fetched(struct pool *pool, const char *why)
{
	if (pool->state != POOL_FETCHING)
		return;
	/* Whoever comes next may try again. */
	pool->state = POOL_COLD;
	if (why)
		fail_waiting(pool, METT_NO_STATE, why);
	else
		pool_want_workers(pool);
}

void pool_free(struct pool *pool)
{
	struct list *lists[] = {&pool->parked, &pool->others};

	while (pool->parked_count)
		unpark(pool);
	for (unsigned i = 0; i < 2; i++)
		list_for_each(link, lists[i])
			worker_free(LIST_ENTRY(link, struct worker, link));
	list_for_each(link, &pool->spare)
		lane_free(LIST_ENTRY(link, struct lane, link));
	while (!list_empty(&pool->callees))
		lane_free(LIST_ENTRY(pool->callees.next, struct lane, link));
	timers_disarm(&pool->session->timers, &pool->idle);
	drop_sandbox(pool);
	list_remove(&pool->shortage);
	list_remove(&pool->link);
	version_unref(pool->session->server, pool->version);
	deployed_unref(pool->deployed);
	free(pool);
}

void pool_retire(struct pool *pool)
{
	pool->retired = true;
	list_for_each(link, &pool->parked)
		lane_close(LIST_ENTRY(link, struct worker, link));
	list_for_each(link, &pool->callees)
		lane_end_parked(LIST_ENTRY(link, struct lane, link));
	list_append(&pool->session->retired, &pool->link);
}

int pool_succeed(struct pool **pool)
{
	struct pool *old = *pool, *successor;

	if (old->state != POOL_LAME)
		return 0;
	successor = pool_new(old->session, old->name, old->version, old->deployed);
	if (!successor)
		return -ENOMEM;
	pool_retire(old);
	*pool = successor;
	return 0;
}

void pool_collect(struct session *session)
{
	list_for_each(link, &session->retired) {
		struct pool *pool = LIST_ENTRY(link, struct pool, link);

		/* A lane's number is free for others when its last answer has been taken. */
		if (!pool->waiting_count && !pool->other_count && lanes_fetched(pool))
			pool_free(pool);
	}
}

void pool_serve(struct pool *pool, struct activation *activation)
{
	bool held = pool->holding; /* then none were to be made, and so none are used up */

	pool->holding = false;
	struct worker *worker = take_parked(pool);
	if (worker) {
		worker_start(worker, activation);
		return;
	}
	list_append(&pool->waiting, &activation->wait);
	pool->waiting_count++;
	if (!held)
		look_further_ahead(pool);
	pool_want_workers(pool);
}

void pool_forget(struct pool *pool, struct activation *activation)
{
	if (!list_empty(&activation->wait))
		leave_waiting(pool, activation);
}

/* Whoever was made for an activation that gave up waiting is one too many. */
static bool room_to_park(const struct pool *pool)
{
	return !pool->retired &&
	       (pool->options.policy == METT_POLICY_REUSE || ready_count(pool) < pool->ahead);
}

/* A process that has answered ends by itself, which costs less. If it has not done so for long,
 * it must. */
static void end_lingering(struct pool *pool)
{
	list_for_each(link, &pool->parked) {
		struct worker *worker = LIST_ENTRY(link, struct worker, link);

		if (!lane_used(worker->lane))
			continue;
		uint64_t now = sys_clock_ns();
		if (!worker->lingers_ns)
			worker->lingers_ns = now;
		else if (now - worker->lingers_ns > LINGER_NS)
			sys_worker_kill(worker->process);
	}
}

static void park(struct pool *pool, struct worker *worker)
{
	end_lingering(pool);
	list_remove(&worker->link);
	pool->other_count--;
	list_append(&pool->parked, &worker->link);
	pool->parked_count++;
	arm_idle(pool);
	lane_arm(worker);
}

void pool_worker_parked(struct pool *pool, struct worker *worker)
{
	if (!list_empty(&pool->waiting)) {
		struct activation *activation =
			LIST_ENTRY(pool->waiting.next, struct activation, wait);

		leave_waiting(pool, activation);
		worker_start(worker, activation);
	} else if (!room_to_park(pool) || (pool->deployed && !tally_park(pool->deployed))) {
		worker_release(worker, false);
	} else {
		park(pool, worker);
	}
	pool_want_workers(pool);
}

void pool_want_lanes(struct pool *pool, struct worker *caller)
{
	if (pool->limited)
		return;
	if (caller && !may_have_callees(pool))
		return;
	if (caller) {
		memcpy(caller->pool->callee, pool->name, sizeof(pool->name));
		caller->pool->callee_missed = 0;
		lane_renew_callee(caller);
		return;
	}
	if (pool->lanes_wanted)
		return;
	pool->lanes_wanted = true;
	list_for_each(link, &pool->parked)
		lane_arm(LIST_ENTRY(link, struct worker, link));
}

void pool_worker_busy(struct pool *pool, struct worker *worker)
{
	if (!worker_is_callee(worker))
		leave_parked(pool, worker);
}

void pool_worker_lost(struct pool *pool, struct worker *worker)
{
	pool_worker_busy(pool, worker);
	worker->state = WORKER_DYING;
	pool->holding = lane_unused(worker->lane); /* as when it had died */
}

void pool_worker_failed(struct pool *pool, struct worker *worker, const char *why)
{
	char text[METT_MESSAGE_MAX];

	fmt_format(text, sizeof(text), "{}", why); /* it may lie in what is freed now */
	list_remove(&worker->link);
	pool->other_count--;
	pool->starting_count -= !worker_is_callee(worker);
	worker_free(worker);
	pool->holding = true;
	if (!pool->starting_count)
		fail_waiting(pool, METT_NO_START, text);
}

void pool_worker_gone(struct pool *pool, struct worker *worker)
{
	list_remove(&worker->link);
	if (worker->state == WORKER_PARKED && !worker_is_callee(worker))
		unpark(pool);
	else
		pool->other_count--;
	/* If it died with nothing to do, the next might, and so on without end. */
	if (worker->state == WORKER_PARKED)
		pool->holding = lane_unused(worker->lane);
	worker_free(worker);
	look_less_ahead(pool);
	pool_want_workers(pool);
}

void pool_worker_late(struct pool *pool, struct worker *worker, const char *why)
{
	if (pool_spawns(pool)) {
		pool_worker_failed(pool, worker, why);
		return;
	}
	/* A zygote answers in order: behind one that is late no other will come. */
	drop_starting(pool);
	pool->state = POOL_LAME;
	fail_waiting(pool, METT_NO_START, why);
}
