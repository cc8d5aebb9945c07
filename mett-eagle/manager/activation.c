#include "activation.h"

#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "amount.h"
#include "pool.h"
#include "record.h"
#include "view.h"
#include "worker.h"

/* No machine has as much; and as many of it as there can be are no more than a word can tell. */
#define RESERVED_MAX ((uint64_t)1 << 44)

struct done {
	struct message_done fixed;
	char text[METT_MESSAGE_MAX + METT_LOG_TAIL_MAX];
};

static struct window_slot *slot_of(struct session *session, const struct caller *caller)
{
	if (caller->worker)
		return &sys_worker_window(caller->worker->process)->nested;
	return &session->window->slot[caller->slot];
}

const void *activation_argument(const struct activation *activation)
{
	return slot_of(activation->session, &activation->caller)->argument;
}

static void fill(struct done *done, const struct caller *caller, const struct outcome *outcome)
{
	size_t size = strlen(outcome->text);

	done->fixed = (struct message_done){
		.header = {MESSAGE_DONE, caller->tag},
		.slot = caller->slot,
		.reason = outcome->reason,
		.detail = outcome->detail,
		.text_size = (uint16_t)size,
		.size = outcome->reason == METT_OK ? outcome->size : 0,
	};
	memcpy(done->text, outcome->text, size);
}

/* The end of it, as much as there is room for. */
static void add_log(struct done *done, const char *log, size_t size)
{
	size_t kept = size < METT_LOG_TAIL_MAX ? size : METT_LOG_TAIL_MAX;

	memcpy(done->text + done->fixed.text_size, log + size - kept, kept);
	done->fixed.log_size = (uint16_t)kept;
}

static size_t size_of(const struct done *done)
{
	return sizeof(done->fixed) + done->fixed.text_size + done->fixed.log_size;
}

static int pass_on(struct session *session, const struct caller *caller, const struct done *done,
                   sys_cap cap)
{
	if (!caller->worker)
		return session_send(session, done, size_of(done), cap);
	return sys_worker_send(caller->worker->process, done, size_of(done), cap);
}

static void send(struct session *session, const struct caller *caller, const struct done *done,
                 sys_cap cap)
{
	static const struct outcome shortage = {
		.reason = METT_NO_MEMORY,
		.text = "the server has no descriptors to pass the answer on; try later",
	};
	int result = pass_on(session, caller, done, cap);

	if (result < 0 && cap != SYS_NO_CAP) {
		struct done instead;

		fill(&instead, caller, &shortage);
		instead.fixed.activation = done->fixed.activation;
		instead.fixed.times = done->fixed.times;
		result = pass_on(session, caller, &instead, SYS_NO_CAP);
	}
	if (!caller->worker)
		return;
	caller->worker->call = NULL;
	if (result)
		/* It filled its own gate, or it is gone, and then its end says more. */
		worker_kill(caller->worker, "it does not read its gate");
}

#define REFUSE(reason_, detail_, ...)                                                              \
	do {                                                                                       \
		ret->reason = (reason_);                                                           \
		ret->detail = (int32_t)(detail_);                                                  \
		fmt_format(ret->text, sizeof(ret->text), __VA_ARGS__);                             \
		return NULL;                                                                       \
	} while (0)

/* The large argument: held from now on, and nobody can change it. */
static bool take_payload(struct session *session, const struct message_invoke *message,
                         struct sys_received *got, sys_cap *ret)
{
	size_t size;

	*ret = SYS_NO_CAP;
	if (message->size <= METT_INLINE_MAX)
		return !got->cap_count;
	if (!got->cap_count)
		return false;
	sys_dataspace_seal(got->caps[0]); /* a worker cannot; a client has done so */
	if (sys_dataspace_check(got->caps[0], &size) || size < message->size)
		return false;
	got->cap_count = 0;
	if (server_keep(session->server, got->caps[0]))
		return false;
	*ret = got->caps[0];
	return true;
}

static struct action *check(struct session *session, const struct worker *worker,
                            const struct message_invoke *message, struct outcome *ret)
{
	const struct server_config *config = &session->server->config;
	unsigned depth = worker ? worker->activation->depth + 1 : 1;
	enum mett_reason reason;
	struct action *action;

	if (!message_name_valid(&message->name))
		REFUSE(METT_BAD_ARGUMENT, 0,
		       "that is no name of an action; use 1 to {} of A-Z a-z 0-9 . _ -",
		       (int)METT_NAME_MAX);
	if (message->slot >= (worker ? 1 : METT_IN_FLIGHT_MAX))
		REFUSE(METT_BAD_ARGUMENT, 0, "action '{}': the window has no slot {}",
		       message->name.text, message->slot);
	if (message->size > config->payload_max)
		REFUSE(METT_TOO_LARGE, config->payload_max,
		       "action '{}': argument has {} bytes, at most {} are passed on; see the "
		       "server's --max-payload",
		       message->name.text, message->size, config->payload_max);
	/* What runs may end, and may need others for that. */
	if (!worker && session->server->draining)
		REFUSE(METT_GONE, 0, "action '{}': the server is shutting down",
		       message->name.text);
	if (depth > METT_DEPTH_MAX)
		REFUSE(METT_DEPTH, 0,
		       "action '{}': invocations are nested deeper than {}; look for "
		       "functions that invoke each other without end",
		       message->name.text, (int)METT_DEPTH_MAX);
	if ((!worker && session->client_count >= METT_IN_FLIGHT_MAX) ||
	    session->activation_count >= METT_ACTIVATIONS_MAX)
		REFUSE(METT_BUSY, 0,
		       "action '{}': {} invocations are under way already; wait for "
		       "one to end",
		       message->name.text, session->activation_count);
	action = view_find(session, message->name.text, &reason);
	if (!action && reason == METT_NO_ACTION)
		REFUSE(METT_NO_ACTION, 0, "there is no action '{}' here; create it first",
		       message->name.text);
	if (!action || pool_succeed(&action->pool))
		REFUSE(METT_NO_MEMORY, 0, "action '{}': the server has no memory; try later",
		       message->name.text);
	return action;
}

static void timed_out(struct timer *timer)
{
	struct activation *activation = LIST_ENTRY(timer, struct activation, timeout);
	uint64_t limit_ms = activation->config.timeout_us / 1000;
	char limit[AMOUNT_MAX];

	activation_fail(
		activation, METT_TIMED_OUT, (int32_t)(limit_ms < INT32_MAX ? limit_ms : INT32_MAX),
		"action '{}' did not end within {}; give it more time, or look for what it "
		"waits for",
		activation->pool->name, amount_of_time(activation->config.timeout_us, limit));
}

static int arm(struct activation *activation, uint64_t now)
{
	uint64_t timeout = activation->config.timeout_us;

	/* So far in the future that nobody will see the difference to none. */
	if (!timeout || timeout > (UINT64_MAX - now) / 1000)
		return 0;
	return timers_arm(&activation->session->timers, &activation->timeout, now + timeout * 1000);
}

static struct activation *activation_make(struct pool *pool, const struct caller *caller,
                                          const struct mett_config *config)
{
	struct activation *activation = calloc(1, sizeof(*activation));
	const struct mett_config *defaults = &pool->options.defaults;

	if (!activation)
		return NULL;
	list_init(&activation->link);
	list_init(&activation->wait);
	activation->session = pool->session;
	activation->pool = pool;
	activation->caller = *caller;
	activation->config = *config;
	if (!activation->config.memory_limit)
		activation->config.memory_limit = defaults->memory_limit;
	if (!activation->config.timeout_us)
		activation->config.timeout_us = defaults->timeout_us;
	activation->timeout.expired = timed_out;
	activation->depth = caller->worker ? caller->worker->activation->depth + 1 : 1;
	activation->reserved = activation->config.memory_limit < RESERVED_MAX
	                               ? activation->config.memory_limit
	                               : RESERVED_MAX;
	activation->payload = SYS_NO_CAP;
	return activation;
}

static struct activation *activation_new(struct session *session, struct worker *worker,
                                         const struct message_invoke *message,
                                         const struct action *action)
{
	const struct caller caller = {worker, message->header.tag, message->slot};
	struct activation *activation = activation_make(action->pool, &caller, &message->config);

	if (!activation)
		return NULL;
	activation->size = message->size;
	activation->times.start_worker = sys_clock_ns();
	activation->id = 1 + atomic_fetch_add_explicit(&session->server->activations, 1,
	                                               memory_order_relaxed);
	return activation;
}

/* What its action and its namespace may do at a time; activation_free() gives it back. */
static bool within_limits(struct activation *activation, struct outcome *ret)
{
	const struct pool *pool = activation->pool;
	uint32_t most = pool->options.concurrency;

	if (pool->deployed) {
		ret->reason = tally_enter(pool->deployed, &pool->options, activation->reserved,
		                          &ret->detail, ret->text);
		return !ret->reason;
	}
	if (!most || pool_running(pool) < most)
		return true;
	ret->reason = METT_QUOTA;
	ret->detail = most < INT32_MAX ? (int32_t)most : INT32_MAX;
	fmt_format(ret->text, sizeof(ret->text),
	           "action '{}' was made to run {} at a time; wait for one to end, or make it with "
	           "more concurrency",
	           pool->name, most);
	return false;
}

/* Returns the new activation, or NULL with the reason why not. */
static struct activation *admit(struct session *session, struct worker *worker,
                                const struct message_invoke *message, struct sys_received *got,
                                struct outcome *ret)
{
	struct action *action = check(session, worker, message, ret);
	struct activation *activation;
	sys_cap payload;

	if (!action)
		return NULL;
	if (!take_payload(session, message, got, &payload))
		REFUSE(METT_BAD_ARGUMENT, 0, "action '{}': its argument of {} bytes must come {}",
		       message->name.text, message->size,
		       message->size > METT_INLINE_MAX ? "as a sealed dataspace" : "in the window");
	activation = activation_new(session, worker, message, action);
	if (!activation || arm(activation, activation->times.start_worker)) {
		free(activation);
		server_drop(session->server, payload);
		REFUSE(METT_NO_MEMORY, 0, "action '{}': the server has no memory; try later",
		       message->name.text);
	}
	activation->payload = payload;
	if (!within_limits(activation, ret)) {
		timers_disarm(&session->timers, &activation->timeout);
		server_drop(session->server, payload);
		free(activation);
		return NULL;
	}
	action->activations++;
	return activation;
}

#undef REFUSE

static void enter(struct activation *activation)
{
	struct session *session = activation->session;

	list_append(&session->activations, &activation->link);
	session->activation_count++;
	session->client_count += !activation->caller.worker;
}

void activation_begin(struct session *session, struct worker *worker,
                      const struct message_invoke *message, struct sys_received *got)
{
	struct caller caller = {worker, message->header.tag, message->slot};
	struct outcome refusal = {.cap = SYS_NO_CAP};
	struct activation *activation = admit(session, worker, message, got, &refusal);

	if (!activation) {
		struct done done;

		fill(&done, &caller, &refusal);
		send(session, &caller, &done, SYS_NO_CAP);
		return;
	}
	enter(activation);
	if (worker)
		worker->call = activation;
	if (message->flags & INVOKE_WANTS_LANES)
		pool_want_lanes(activation->pool, worker);
	pool_serve(activation->pool, activation);
}

void activation_refuse(struct session *session, const struct caller *caller,
                       const struct outcome *outcome)
{
	struct done done;

	fill(&done, caller, outcome);
	send(session, caller, &done, SYS_NO_CAP);
}

void activation_refuse_cut(struct session *session, struct worker *worker,
                           const struct message_invoke *message)
{
	static const struct outcome shortage = {
		.reason = METT_NO_MEMORY,
		.text = "the server has no descriptors for the argument; try later",
	};

	activation_refuse(session, &(struct caller){worker, message->header.tag, message->slot},
	                  &shortage);
}

void activation_adopt(struct worker *worker, const struct caller *caller, uint64_t id,
                      uint64_t start_ns)
{
	const struct mett_config config = {0};
	struct pool *pool = worker->pool;
	struct activation *activation = activation_make(pool, caller, &config);

	if (!activation || arm(activation, start_ns)) {
		struct outcome outcome = {.reason = METT_NO_MEMORY, .cap = SYS_NO_CAP};

		free(activation);
		fmt_format(outcome.text, sizeof(outcome.text),
		           "action '{}': the server has no memory; try later", pool->name);
		activation_refuse(pool->session, caller, &outcome);
		worker_release(worker, false);
		return;
	}
	activation->times.start_worker = start_ns;
	activation->id = id;
	activation->worker = worker;
	if (pool->deployed)
		tally_adopt(pool->deployed, activation->reserved);
	enter(activation);
	if (caller->worker)
		caller->worker->call = activation;
	worker->state = WORKER_RUNNING;
	worker->activation = activation;
	worker->last = id;
	worker->granted = 0;
	sys_worker_attend(worker->process);
}

static struct activation *begun_by(struct session *session, const struct caller *caller)
{
	list_for_each(link, &session->activations) {
		struct activation *activation = LIST_ENTRY(link, struct activation, link);

		if (activation->caller.worker == caller->worker &&
		    activation->caller.tag == caller->tag)
			return activation;
	}
	return NULL;
}

void activation_limit(struct session *session, const struct caller *caller, uint64_t timeout_us)
{
	struct activation *activation = timeout_us ? begun_by(session, caller) : NULL;

	if (!activation)
		return;
	activation->config.timeout_us = timeout_us;
	timers_disarm(&session->timers, &activation->timeout);
	if (arm(activation, activation->times.start_worker))
		activation_fail(
			activation, METT_NO_MEMORY, 0,
			"action '{}': the server has no memory to watch its time; try later",
			activation->pool->name);
}

static void leave(struct activation *activation)
{
	if (activation->pool->deployed && !activation->left)
		tally_leave(activation->pool->deployed, activation->reserved);
	activation->left = true;
}

static void activation_free(struct activation *activation)
{
	struct session *session = activation->session;

	timers_disarm(&session->timers, &activation->timeout);
	pool_forget(activation->pool, activation);
	list_remove(&activation->link);
	session->activation_count--;
	if (!activation->caller.worker)
		session->client_count--;
	leave(activation);
	server_drop(session->server, activation->payload);
	free(activation);
}

static void account(const struct activation *activation, enum mett_reason reason)
{
	uint64_t start = activation->times.start_worker, end = activation->times.end_worker;

	tally_note(activation->pool->deployed, reason != METT_OK,
	           (end ? end : sys_clock_ns()) - start);
}

void activation_finish(struct activation *activation, const struct outcome *outcome)
{
	struct session *session = activation->session;
	struct worker *worker = activation->worker;
	const char *log = NULL;
	size_t log_size = 0;
	struct done done;
	bool may_stay = (outcome->reason == METT_OK || outcome->reason == METT_FAILED) &&
	                activation->pool->options.policy == METT_POLICY_REUSE;

	fill(&done, &activation->caller, outcome);
	done.fixed.activation = activation->id;
	if (outcome->reason == METT_OK && outcome->answer)
		memcpy(slot_of(session, &activation->caller)->answer, outcome->answer,
		       outcome->size);
	if (worker) {
		log_size = sys_worker_log(worker->process, &log);
		add_log(&done, log, log_size);
		/* All that counts is taken; the worker's end can wait until the caller runs. */
		activation->times.end_worker = sys_clock_ns();
	}
	done.fixed.times = activation->times;
	/* Whoever has the answer may begin another, from any session. */
	if (activation->pool->limited)
		leave(activation);
	send(session, &activation->caller, &done, outcome->cap);
	if (activation->pool->deployed)
		account(activation, outcome->reason);
	record_outcome(activation, outcome, log, log_size);
	if (worker)
		worker_release(worker, may_stay);
	activation_free(activation);
}

static void record_loss(const struct activation *activation)
{
	const struct outcome outcome = {
		.reason = METT_GONE, .text = "whoever invoked it is gone", .cap = SYS_NO_CAP};

	record_outcome(activation, &outcome, NULL, 0);
}

void activation_cancel(struct activation *activation)
{
	struct worker *worker = activation->worker;

	record_loss(activation);
	activation->caller.worker->call = NULL;
	if (worker)
		worker_release(worker, false);
	activation_free(activation);
}

void activation_drop(struct activation *activation)
{
	record_loss(activation);
	if (activation->caller.worker)
		activation->caller.worker->call = NULL;
	if (activation->worker) {
		activation->worker->activation = NULL;
		activation->worker->state = WORKER_DYING;
	}
	activation_free(activation);
}
