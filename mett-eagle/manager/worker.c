#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "activation.h"
#include "amount.h"
#include "lane.h"
#include "record.h"

enum { MESSAGES_AT_ONCE = 16 };

static struct session *session_of(const struct worker *worker)
{
	return worker->pool->session;
}

/* What a process did that ended without a word, or with no good one. */
static void report_end(struct worker *worker, const struct sys_exit *how)
{
	struct activation *activation = worker->activation;
	const char *name = worker->pool->name;
	bool short_of_memory =
		atomic_load(&sys_worker_window(worker->process)->notes) & WINDOW_NOTE_MEMORY;
	uint64_t limit = activation->config.memory_limit;
	char amount[AMOUNT_MAX];

	if (how->signal == SYS_SIGNAL_FORBIDDEN)
		activation_fail(activation, METT_FORBIDDEN, 0,
		                "action '{}' was ended: it made a system call that its sandbox "
		                "forbids",
		                name);
	else if (short_of_memory)
		activation_fail(activation, METT_OUT_OF_MEMORY, (int32_t)(limit >> 10),
		                "action '{}' ran out of memory (limit {}); give it more, or let it "
		                "allocate less",
		                name, amount_of_memory(limit, amount));
	else if (how->signal)
		activation_fail(activation, METT_CRASHED, how->signal,
		                "action '{}' crashed: signal {} ({}); see its log", name,
		                how->signal, strsignal(how->signal));
	else
		activation_fail(activation, METT_EXITED, how->code,
		                "action '{}' exited with code {} and gave no answer", name,
		                how->code);
}

static void report_violation(struct worker *worker, const char *what)
{
	activation_fail(worker->activation, METT_PROTOCOL, 0,
	                "action '{}' was ended: it broke the worker protocol ({})",
	                worker->pool->name, what);
}

static void report_shortage(struct worker *worker)
{
	activation_fail(worker->activation, METT_NO_MEMORY, 0,
	                "action '{}': the server has no memory for a message; try later",
	                worker->pool->name);
}

/*
 * Send it something; false: its activation has failed. Of a worker that is gone
 * we will hear the end, which says more.
 */
static bool tell(struct worker *worker, const void *data, size_t size, sys_cap cap)
{
	int result = sys_worker_send(worker->process, data, size, cap);

	if (result == SYS_AGAIN)
		report_violation(worker, "it does not read its gate");
	else if (result < 0)
		report_shortage(worker);
	return result == 0 || result == SYS_CLOSED;
}

/* Whoever wrote it may write on: what is looked at must be a copy. */
static void copy_text(char *to, const unsigned char *from, uint64_t size)
{
	size_t used = strlen(to), count = METT_MESSAGE_MAX - 1 - used;

	if (count > size)
		count = size;
	memcpy(to + used, from, count);
	to[used + count] = 0;
	for (char *c = to + used; c < to + used + count; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
}

static void take_failure(struct worker *worker, const struct message_exit *message)
{
	struct outcome outcome = {
		.reason = METT_FAILED, .detail = message->error, .cap = SYS_NO_CAP};
	const unsigned char *text = sys_worker_window(worker->process)->serve.answer;

	fmt_format(outcome.text, sizeof(outcome.text), "action '{}' failed with code {}{}",
	           worker->pool->name, message->error, message->size ? ": " : "");
	copy_text(outcome.text, text, message->size);
	activation_finish(worker->activation, &outcome);
}

static void take_large_answer(struct worker *worker, const struct message_exit *message,
                              struct sys_received *got)
{
	struct server *server = session_of(worker)->server;
	struct outcome outcome = {.cap = SYS_NO_CAP, .size = message->size};
	size_t size;

	if (!got->cap_count || sys_dataspace_seal(got->caps[0]) ||
	    sys_dataspace_check(got->caps[0], &size) || size < message->size) {
		report_violation(worker, "large answer without a dataspace that can be sealed");
		return;
	}
	got->cap_count = 0;
	if (server_keep(server, got->caps[0])) {
		report_shortage(worker);
		return;
	}
	outcome.cap = got->caps[0];
	activation_finish(worker->activation, &outcome);
	server_drop(server, outcome.cap);
}

static void take_exit(struct worker *worker, const struct message_exit *message,
                      struct sys_received *got)
{
	struct server *server = session_of(worker)->server;
	struct outcome outcome = {.cap = SYS_NO_CAP, .size = message->size};

	window_times(&worker->activation->times, &message->times,
	             worker->activation->times.start_worker, sys_clock_ns());
	if (message->error < 0) {
		report_violation(worker, "negative error code");
	} else if (message->error) {
		take_failure(worker, message);
	} else if (message->size > server->config.payload_max) {
		activation_fail(worker->activation, METT_TOO_LARGE,
		                (int32_t)server->config.payload_max,
		                "action '{}' answered {} bytes, at most {} are passed on",
		                worker->pool->name, message->size, server->config.payload_max);
	} else if (message->size <= METT_INLINE_MAX) {
		outcome.answer = sys_worker_window(worker->process)->serve.answer;
		activation_finish(worker->activation, &outcome);
	} else {
		take_large_answer(worker, message, got);
	}
}

static void take_signal(struct worker *worker, const struct message_signal *message)
{
	struct sys_exit how = {.signal = message->signal, .code = message->value};

	if (message->signal < 0 || message->signal > 64)
		report_violation(worker, "no such signal");
	else
		report_end(worker, &how);
}

static void give_dataspace(struct worker *worker, const struct message_dataspace *message)
{
	struct server *server = session_of(worker)->server;
	struct message_status status = {
		.header = {MESSAGE_STATUS, message->header.tag},
		.reason = METT_TOO_LARGE,
	};
	sys_cap space = SYS_NO_CAP;

	if (message->size && message->size <= server->config.payload_max &&
	    message->size <= METT_GRANT_MAX - worker->granted) {
		status.reason = METT_NO_MEMORY;
		if (!sys_dataspace_new("payload", message->size, 0, &space)) {
			status.reason = METT_OK;
			worker->granted += message->size;
		}
	}
	tell(worker, &status, sizeof(status), space);
	sys_cap_close(space);
}

static void take_message(struct worker *worker, const void *data, struct sys_received *got)
{
	switch (message_check(data, got->size, got->cap_count, FROM_WORKER)) {
	case MESSAGE_EXIT:
		take_exit(worker, data, got);
		break;
	case MESSAGE_SIGNAL:
		take_signal(worker, data);
		break;
	case MESSAGE_DATASPACE:
		give_dataspace(worker, data);
		break;
	case MESSAGE_CLAIM:
		lane_claimed(session_of(worker), worker, data);
		break;
	case MESSAGE_INVOKE:
		if (worker->call)
			report_violation(worker, "two invocations at once");
		else
			activation_begin(session_of(worker), worker, data, got);
		break;
	default:
		report_violation(worker, "message that is none");
	}
}

/* What came with it is lost, and that is not its fault. */
static void take_cut(struct worker *worker, const void *data, const struct sys_received *got)
{
	enum message_type type = message_check(data, got->size, 1, FROM_WORKER);

	if (type == MESSAGE_EXIT)
		report_shortage(worker);
	else if (type == MESSAGE_INVOKE && !worker->call)
		activation_refuse_cut(session_of(worker), worker, data);
	else
		report_violation(worker, "message that is none");
}

/* It can serve nobody any more; its end follows. */
static void dismiss(struct worker *worker)
{
	if (worker->state == WORKER_PARKED)
		lane_promote(worker);
	if (worker->state == WORKER_PARKED)
		pool_worker_lost(worker->pool, worker);
	sys_worker_kill(worker->process);
}

/* Returns 0 when there may be more. */
static int take_one(struct worker *worker)
{
	_Alignas(8) unsigned char data[MESSAGE_MAX];
	struct sys_received got;
	int result = sys_gate_recv(sys_worker_gate(worker->process), data, sizeof(data), &got);

	if (result == SYS_REFUSED && worker->state == WORKER_RUNNING)
		report_violation(worker, "message too long or with too many capabilities");
	if (result && result != SYS_CUT)
		return result;
	if (worker->state != WORKER_RUNNING && !lane_promote(worker))
		dismiss(worker); /* it has no reason to speak */
	else if (result)
		take_cut(worker, data, &got);
	else
		take_message(worker, data, &got);
	sys_received_close(&got);
	return 0;
}

static void worker_readable(void *owner)
{
	struct worker *worker = owner;
	int result = 0;

	for (int i = 0; !result && i < MESSAGES_AT_ONCE; i++) {
		result = take_one(worker);
		/* The session may have handed a reused worker on: one message at a time. */
		if (worker->state != WORKER_RUNNING)
			break;
	}
	/*
	 * Its gate is closed: it died, or never wants to answer. A process that is
	 * already dying keeps its status, so report_end() still sees why.
	 */
	if (result == SYS_CLOSED || result < 0) {
		if (!worker->fault)
			worker->fault = "it closed its gate";
		sys_worker_ignore(worker->process);
		dismiss(worker);
	}
}

static void worker_ended(void *owner, const struct sys_exit *how)
{
	struct worker *worker = owner;

	worker->ended = true;
	worker->memory = how->memory;
	if (worker->pool->deployed)
		tally_memory(worker->pool->deployed, how->memory);
	lane_promote(worker);
	while (worker->state == WORKER_RUNNING && !take_one(worker))
		; /* its last words count more than its end */
	if (worker->state == WORKER_RUNNING && worker->fault && how->signal == SYS_SIGNAL_KILLED)
		report_violation(worker, worker->fault);
	else if (worker->state == WORKER_RUNNING)
		report_end(worker, how);
	lane_count(worker->lane);
	if (worker->last)
		session_note_reaped(session_of(worker), worker->last, sys_clock_ns());
	pool_worker_gone(worker->pool, worker);
}

static void worker_begun(void *owner)
{
	struct worker *worker = owner;

	start_await(&worker->start, &session_of(worker)->timers, true);
}

static void worker_parked(void *owner)
{
	struct worker *worker = owner;
	struct pool *pool = worker->pool;

	timers_disarm(&session_of(worker)->timers, &worker->start.timer);
	worker->state = WORKER_PARKED;
	pool->starting_count -= !worker_is_callee(worker);
	/* Before there is an activation: what it will most likely need. */
	sys_worker_limit(worker->process, pool->options.defaults.memory_limit);
	if (!worker_is_callee(worker))
		pool_worker_parked(pool, worker);
	else if (!lane_attach(worker))
		worker_release(worker, false);
}

static void worker_failed(void *owner, const char *why)
{
	struct worker *worker = owner;

	pool_worker_failed(worker->pool, worker, why);
}

static void worker_late(struct timer *timer)
{
	struct worker *worker = LIST_ENTRY(timer, struct worker, start.timer);
	struct pool *pool = worker->pool;
	char why[METT_MESSAGE_MAX];

	start_late(&worker->start, "its process", why);
	pool_worker_late(pool, worker, why);
}

bool worker_is_callee(const struct worker *worker)
{
	return worker->lane->level;
}

static int order(struct worker *worker)
{
	static const struct sys_worker_handler handler = {
		.begun = worker_begun,
		.parked = worker_parked,
		.failed = worker_failed,
		.readable = worker_readable,
		.ended = worker_ended,
	};
	struct pool *pool = worker->pool;
	struct session *session = pool->session;
	struct sys_program program = pool_program(pool);

	if (pool_spawns(pool))
		return sys_worker_spawn(session->server->host, session->loop, &program,
		                        &worker->lane->window, &handler, worker, &worker->process);
	return sys_worker_fork(pool->sandbox, &worker->lane->window, &handler, worker,
	                       &worker->process);
}

int worker_new(struct pool *pool, struct lane *lane)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct session *session = pool->session;
	int error;

	if (!worker)
		return -ENOMEM;
	list_init(&worker->link);
	worker->pool = pool;
	worker->start.timer.expired = worker_late;
	/* A zygote's fork waits for nobody else's. */
	error = start_await(&worker->start, &session->timers, !pool_spawns(pool));
	worker->lane = error || lane ? lane : lane_take(pool);
	if (!error && !worker->lane)
		error = -ENOMEM;
	if (worker->lane)
		worker->lane->worker = worker;
	if (!error)
		error = order(worker);
	if (error) {
		worker_free(worker);
		return error;
	}
	list_append(&pool->others, &worker->link);
	pool->other_count++;
	pool->starting_count += !worker_is_callee(worker);
	if (worker->lane->callee)
		pool_want_workers(worker->lane->callee->pool);
	return 0;
}

void worker_free(struct worker *worker)
{
	timers_disarm(&session_of(worker)->timers, &worker->start.timer);
	if (worker->call)
		activation_cancel(worker->call);
	record_worker(worker);
	sys_worker_free(worker->process);
	if (worker->lane)
		lane_end_callee(worker->lane);
	lane_give(worker->lane);
	free(worker);
}

/* Large arguments go by capability, sent before the worker wakes and looks for it. */
static bool pass_argument(struct worker *worker, const struct activation *activation)
{
	struct worker_window *window = sys_worker_window(worker->process);
	struct message_argument message = {
		.header.type = MESSAGE_ARGUMENT,
		.size = activation->size,
	};

	if (activation->size > METT_INLINE_MAX)
		return tell(worker, &message, sizeof(message), activation->payload);
	memcpy(window->serve.argument, activation_argument(activation), activation->size);
	return true;
}

void worker_start(struct worker *worker, struct activation *activation)
{
	struct worker_window *window = sys_worker_window(worker->process);
	struct pool *pool = worker->pool;

	worker->state = WORKER_RUNNING;
	worker->activation = activation;
	worker->last = activation->id;
	worker->granted = 0;
	activation->worker = worker;
	activation->config.memory_limit =
		sys_worker_limit(worker->process, activation->config.memory_limit);
	lane_check_depth(worker);
	if (!pass_argument(worker, activation))
		return;
	sys_worker_attend(worker->process);
	atomic_fetch_or_explicit(&window->call, CALL_TAKEN, memory_order_relaxed);
	window->by_lane = 0;
	window->keep = pool->options.policy == METT_POLICY_REUSE;
	window->stay = 0;
	window->size = activation->size;
	window->payload_max = pool->session->server->config.payload_max;
	window->activation.id = activation->id;
	window->activation.deadline_ns = activation->timeout.due_ns;
	window->activation.memory_limit = activation->config.memory_limit;
	memcpy(window->activation.name, pool->name, sizeof(pool->name));
	atomic_fetch_add_explicit(&window->turn, 1, memory_order_release);
	sys_word_wake(&window->turn);
}

void worker_kill(struct worker *worker, const char *fault)
{
	worker->fault = fault;
	sys_worker_kill(worker->process);
}

void worker_release(struct worker *worker, bool may_stay)
{
	worker->activation = NULL;
	if (worker->call) {
		activation_cancel(worker->call);
		may_stay = false;
	}
	if (may_stay && !worker->fault && !worker->ended && !worker->pool->retired) {
		worker->state = WORKER_PARKED;
		worker->last = 0;
		sys_worker_log_reset(worker->process);
		pool_worker_parked(worker->pool, worker);
	} else {
		/* Its end makes the pool fork the next one: not before the caller could run. */
		worker->state = WORKER_DYING;
		sys_worker_kill(worker->process);
	}
}
