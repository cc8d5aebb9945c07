#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "activation.h"
#include "record.h"
#include "worker.h"

/* Numbers that each process of policy `reuse` can give to activations before it asks for more. */
#define REUSE_IDS ((uint64_t)1 << 32)

/* Longest piece of a window that stays in place when it is wiped, if no call was large. */
enum { WIPED_IN_PLACE = 16 << 10, PAGE = 4 << 10 };

/* How often a word may change under our hands: honest ones do so once or twice. */
enum { TRIES = 100 };

/* How deep workers are kept ready to be called by workers that are kept ready. */
enum { LEVELS = 3, CALLEE_MISSED_MAX = 16 };

_Static_assert((int)LEVELS < (int)METT_DEPTH_MAX, "a call would be nested too deep");

static struct window_lane *shared(const struct lane *lane)
{
	return lane->caller ? &lane->caller->window.memory->callee.lane
	                    : &lane->pool->session->window->lane[lane->number];
}

/* Can anybody get to its worker past us? */
static bool has_word(const struct lane *lane)
{
	return lane->caller || lane->number < WINDOW_LANES;
}

static uint64_t word_of(const struct lane *lane)
{
	return atomic_load_explicit(&shared(lane)->word, memory_order_acquire);
}

static void take_number(struct lane *lane)
{
	struct session *session = lane->pool->session;

	/* What a spawned process writes at its start is in its log: that needs the server. */
	if (pool_spawns(lane->pool))
		return;
	for (unsigned i = 0; i < WINDOW_LANES; i++) {
		unsigned number = (session->lane_next + i) % WINDOW_LANES;

		if (session->lanes[number])
			continue;
		session->lanes[number] = lane;
		session->lane_next = number + 1;
		lane->number = number;
		lane->generation = ++session->lane_generation;
		lane->calls = atomic_load(&shared(lane)->calls);
		return;
	}
}

static struct lane *lane_new(struct pool *pool, struct lane *caller)
{
	struct server *server = pool->session->server;
	struct lane *lane = calloc(1, sizeof(*lane));
	void *memory;

	if (!lane)
		return NULL;
	lane->pool = pool;
	lane->number = WINDOW_LANES;
	lane->window.callee = SYS_NO_CAP;
	list_init(&lane->link);
	if (sys_dataspace_new("window", sizeof(*lane->window.memory), 0, &lane->window.cap) ||
	    server_keep(server, lane->window.cap)) {
		free(lane);
		return NULL;
	}
	if (sys_map(lane->window.cap, sizeof(*lane->window.memory), 1, &memory)) {
		server_drop(server, lane->window.cap);
		free(lane);
		return NULL;
	}
	lane->window.memory = memory;
	lane->window.memory->warm = pool->warm;
	if (!caller) {
		take_number(lane);
		return lane;
	}
	lane->caller = caller;
	lane->level = caller->level + 1;
	list_append(&pool->callees, &lane->link);
	return lane;
}

/* For good. An answer that waits to be fetched stands, see mett_call_end(). */
static void close_word(const struct lane *lane)
{
	uint64_t word = word_of(lane);

	if (lane_state(word) != LANE_BEGUN)
		atomic_store(&shared(lane)->word, 0);
	else
		atomic_compare_exchange_strong(&shared(lane)->word, &word,
		                               lane_with(word, LANE_USED));
}

/* No worker can call on it any more. */
static void leave_caller(struct lane *lane)
{
	if (!lane->caller)
		return;
	close_word(lane);
	lane->caller->window.callee = SYS_NO_CAP;
	lane->caller->callee = NULL;
	lane->caller->stale = true;
	lane->caller = NULL;
}

static void leave_callee(struct lane *lane)
{
	struct lane *callee = lane->callee;

	if (!callee)
		return;
	leave_caller(callee);
	if (!callee->worker)
		lane_free(callee); /* else with that, see lane_give() */
}

static void drop_window(struct lane *lane)
{
	if (!lane->window.memory)
		return;
	leave_callee(lane);
	sys_window_vacate(&lane->window);
	sys_unmap(lane->window.memory, sizeof(*lane->window.memory));
	server_drop(lane->pool->session->server, lane->window.cap);
	lane->window.memory = NULL;
}

/* Not before the caller has fetched the answer, even if the worker is gone. */
static bool fetched(const struct lane *lane)
{
	if (lane->caller && !lane->caller->worker)
		return true;
	if (!has_word(lane))
		return true;
	uint64_t word = word_of(lane);
	/* With a tag it is used because we closed it, and the caller has yet to say that it knows.
	 */
	return lane_state(word) != LANE_BEGUN && !(lane_state(word) == LANE_USED && (uint32_t)word);
}

/* Zygote and client have the window still, and need nothing that is in it. */
static void give_memory_back(const struct lane *lane)
{
	if (lane->window.memory && fetched(lane))
		sys_dataspace_wipe(lane->window.cap, lane->window.memory,
		                   sizeof(*lane->window.memory), 0);
}

void lane_free(struct lane *lane)
{
	struct session *session = lane->pool->session;

	give_memory_back(lane);
	list_remove(&lane->link);
	leave_caller(lane);
	if (has_word(lane)) {
		close_word(lane);
		session->lanes[lane->number] = NULL;
	}
	drop_window(lane);
	free(lane);
}

/* The memory of large payloads is worth more than a window's. */
static bool warm(const struct pool *pool)
{
	return pool->warm.argument || pool->warm.answer;
}

/* Follows large payloads at once; small ones let go of the memory by and by. */
static uint32_t warm_size(uint32_t before, uint64_t used)
{
	uint32_t size = before - before / 8;

	if (used > METT_INLINE_MAX && used <= WINDOW_ROOM && used > size)
		size = (uint32_t)used;
	return size > METT_INLINE_MAX ? (size + PAGE - 1) / PAGE * PAGE : 0;
}

/* Both ends can write there: it is about what their own next call will cost. */
static void note_sizes(const struct lane *lane)
{
	struct window_warm *warm = &lane->pool->warm;

	if (!has_word(lane) || !lane->pool->lanes_wanted)
		return;
	warm->argument = warm_size(warm->argument, lane->window.memory->size);
	warm->answer = warm_size(warm->answer, lane->window.memory->reply.size);
}

static int wipe(struct lane *lane)
{
	const struct window_warm *warm = &lane->pool->warm;
	/* Both may be one piece; and a small call in between shall not cost the next large one. */
	size_t keep = 2 * ((size_t)warm->argument + warm->answer);

	return sys_dataspace_wipe(lane->window.cap, lane->window.memory,
	                          sizeof(*lane->window.memory),
	                          keep > WIPED_IN_PLACE ? keep : WIPED_IN_PLACE);
}

/* Nobody can call it any more. */
static void end_parked(struct worker *worker)
{
	if (worker->state != WORKER_PARKED)
		return;
	pool_worker_busy(worker->pool, worker);
	worker->state = WORKER_DYING;
	sys_worker_kill(worker->process);
}

/* The pool whose workers this one's call, if there is one that can be ready for it. */
static struct pool *callee_pool(const struct lane *lane)
{
	const struct pool *pool = lane->pool;
	struct action *action;

	/* A spawned one is given no second window. */
	if (!*pool->callee || lane->level >= LEVELS || pool->retired || pool_spawns(pool))
		return NULL;
	action = namespace_find(&pool->session->namespace, pool->callee);
	if (!action || action->pool->options.policy != METT_POLICY_FORK ||
	    action->pool->state != POOL_READY || action->pool->limited)
		return NULL;
	return action->pool;
}

/* Give it a callee's lane, or another, or none, as its pool's workers call now. */
static void pair(struct lane *lane)
{
	struct pool *pool = callee_pool(lane);

	if (lane->callee && lane->callee->pool != pool)
		leave_callee(lane);
	if (!lane->callee && pool) {
		lane->callee = lane_new(pool, lane); /* without it, the server is asked */
		lane->stale = true;
	}
	if (lane->callee)
		lane->window.callee = lane->callee->window.cap;
	if (lane->stale)
		sys_window_vacate(&lane->window);
	lane->stale = false;
}

/* As new, for its next worker. */
static int prepare(struct lane *lane)
{
	int error = wipe(lane);

	if (error)
		return error;
	lane->window.memory->warm = lane->pool->warm;
	/* The callee's window is at hand for the next worker too, before its own next one is. */
	if (lane->callee && (lane->callee->worker || wipe(lane->callee)))
		leave_callee(lane);
	if (lane->callee)
		lane->callee->calls = 0; /* they were counted in what is wiped */
	pair(lane);
	return 0;
}

struct lane *lane_take(struct pool *pool)
{
	list_for_each(link, &pool->spare) {
		struct lane *lane = LIST_ENTRY(link, struct lane, link);

		if (!fetched(lane))
			continue;
		if (!lane->window.memory || prepare(lane)) {
			lane_free(lane);
			continue;
		}
		list_remove(&lane->link);
		if (has_word(lane))
			atomic_store(&shared(lane)->word,
			             lane_word(LANE_COMING, lane->generation, 0, 0));
		return lane;
	}
	struct lane *lane = lane_new(pool, NULL);
	if (lane)
		pair(lane);
	return lane;
}

int lane_take_again(struct lane *lane)
{
	return prepare(lane);
}

bool lane_is_short(const struct lane *lane)
{
	const struct worker *caller = lane->caller ? lane->caller->worker : NULL;

	return caller && caller->state != WORKER_DYING && !lane->worker && fetched(lane);
}

bool lane_attach(struct worker *worker)
{
	struct lane *lane = worker->lane;

	if (worker->outlived || worker->pool->retired || !lane->caller)
		return false;
	lane_arm(worker);
	return true;
}

void lane_end_callee(struct lane *lane)
{
	struct pool *pool = lane->pool;
	struct worker *worker;

	if (!lane->callee)
		return;
	/* What is never called need not be kept ready. */
	lane_count(lane->callee);
	bool used = atomic_load(&shared(lane->callee)->calls);
	pool->callee_missed = used ? 0 : pool->callee_missed + 1;
	if (pool->callee_missed >= CALLEE_MISSED_MAX)
		*pool->callee = 0;
	worker = lane->callee->worker;
	if (!worker)
		return;
	record_note_caller(worker);
	worker->outlived = true;
	end_parked(worker);
}

void lane_give(struct lane *lane)
{
	if (!lane)
		return;
	note_sizes(lane);
	lane->worker = NULL;
	if (lane->level) {
		if (!lane->caller)
			lane_free(lane);
		return; /* it stays its caller's */
	}
	if (lane->abandoned) {
		lane_free(lane);
		return;
	}
	list_append(&lane->pool->spare, &lane->link);
	if (fetched(lane) && has_word(lane))
		atomic_store(&shared(lane)->word, 0);
	else if (!fetched(lane) && !warm(lane->pool))
		drop_window(lane); /* the client has it, and another worker never */
}

bool lanes_fetched(const struct pool *pool)
{
	list_for_each(link, &pool->parked)
		if (!fetched(LIST_ENTRY(link, struct worker, link)->lane))
			return false;
	list_for_each(link, &pool->spare)
		if (!fetched(LIST_ENTRY(link, struct lane, link)))
			return false;
	return true;
}

/* Where many workers come and go, those that end now leave lanes to the next. */
static unsigned kept_lanes(const struct pool *pool)
{
	unsigned parked = pool->session->server->config.parked;

	if (pool->ahead > parked)
		return pool->ahead;
	return warm(pool) ? parked : 0;
}

void lanes_trim(struct pool *pool)
{
	unsigned kept = kept_lanes(pool);

	list_for_each(link, &pool->spare) {
		struct lane *lane = LIST_ENTRY(link, struct lane, link);

		if (!fetched(lane))
			continue;
		if (kept)
			kept--;
		else
			lane_free(lane);
	}
}

/* Returns whether the client has been told, or will be. */
static bool announce(struct lane *lane)
{
	struct message_lane message = {
		.header.type = MESSAGE_LANE,
		.lane = lane->number,
		.generation = lane->generation,
		.keep = lane->pool->options.policy == METT_POLICY_REUSE,
	};

	message_name_set(&message.name, lane->pool->name);
	lane->announced =
		!session_send(lane->pool->session, &message, sizeof(message), lane->window.cap);
	return lane->announced;
}

/* Would whoever can get to it make a call, and may it? */
static bool wanted(const struct lane *lane)
{
	const struct worker *caller = lane->caller ? lane->caller->worker : NULL;

	if (!lane->caller)
		return lane->pool->lanes_wanted;
	return caller && (caller->state != WORKER_RUNNING ||
	                  caller->activation->depth + LEVELS <= METT_DEPTH_MAX);
}

void lane_arm(struct worker *worker)
{
	struct lane *lane = worker->lane;
	struct pool *pool = worker->pool;
	struct server *server = pool->session->server;
	struct worker_window *window = lane->window.memory;
	struct client_window *client = pool->session->window;
	bool keep = pool->options.policy == METT_POLICY_REUSE;

	if (!has_word(lane) || !wanted(lane) || pool->retired || server->draining)
		return;
	if (lane->caller)
		memcpy(lane->caller->window.memory->callee.name, pool->name, sizeof(pool->name));
	else if (!lane->announced && !announce(lane))
		return;
	window->keep = keep;
	/* Then it is not in the way of its caller's own answer; with that it ends. */
	window->stay = lane->caller && lane->caller->pool->options.policy != METT_POLICY_REUSE;
	window->payload_max = server->config.payload_max;
	window->timeout_us = pool->options.defaults.timeout_us;
	/* A process that serves on may have had another limit last. */
	window->activation.memory_limit =
		sys_worker_limit(worker->process, pool->options.defaults.memory_limit);
	memcpy(window->activation.name, pool->name, sizeof(pool->name));
	worker->armed_ns = sys_clock_ns();
	atomic_store(&shared(lane)->id,
	             1 + atomic_fetch_add_explicit(&server->activations, keep ? REUSE_IDS : 1,
	                                           memory_order_relaxed));
	atomic_store(&shared(lane)->word, lane_word(LANE_ARMED, lane->generation, 0, 0));
	if (lane->caller)
		return;
	atomic_fetch_add(&client->armed, 1);
	if (atomic_load(&client->waiting))
		sys_word_wake(&client->armed);
}

bool lane_unused(const struct lane *lane)
{
	return !has_word(lane) || lane_state(word_of(lane)) <= LANE_ARMED;
}

void lane_end_parked(struct lane *lane)
{
	if (!lane->worker)
		return;
	lane_close(lane->worker);
	end_parked(lane->worker);
}

void lane_renew_callee(struct worker *worker)
{
	struct lane *callee = worker->lane->callee;

	if (callee && callee->worker && lane_used(callee))
		end_parked(callee->worker);
}

void lane_check_depth(struct worker *worker)
{
	struct lane *callee = worker->lane->callee;

	if (callee && callee->worker && !wanted(callee))
		lane_close(callee->worker);
}

bool lane_used(const struct lane *lane)
{
	return has_word(lane) && lane_state(word_of(lane)) == LANE_USED;
}

bool lane_disarm(struct lane *lane)
{
	uint64_t word;

	if (!has_word(lane))
		return true;
	word = word_of(lane);
	return lane_state(word) < LANE_ARMED ||
	       (lane_state(word) == LANE_ARMED &&
	        atomic_compare_exchange_strong(&shared(lane)->word, &word, 0));
}

static uint32_t slot_in(uint64_t word)
{
	return word >> 48 & 0xff;
}

/* An answer is the client's; anything else, rubbish too, is ours from here on. */
static bool answered(struct worker_window *window, uint32_t tag)
{
	uint32_t call = atomic_load(&window->call);

	for (unsigned i = 0; i < TRIES && call != window_call(CALL_ANSWERED, tag); i++)
		if (atomic_compare_exchange_strong(&window->call, &call,
		                                   window_call(CALL_TAKEN, tag)))
			return false;
	return call == window_call(CALL_ANSWERED, tag);
}

/* A worker that calls must serve an activation that we know, and call nobody else. */
static bool may_have_called(struct worker *caller)
{
	return caller && (caller->state == WORKER_RUNNING || lane_promote(caller)) &&
	       !caller->call && caller->activation->depth < METT_DEPTH_MAX;
}

static void adopt(struct worker *worker, uint64_t word)
{
	struct lane *lane = worker->lane;
	uint64_t now = sys_clock_ns(), start = lane->window.memory->start_ns;
	struct caller caller = {NULL, (uint32_t)word, slot_in(word)};

	if (lane->caller) {
		caller.worker = lane->caller->worker;
		if (!may_have_called(caller.worker)) {
			end_parked(worker);
			return;
		}
	}
	/* Worker and caller can both write there: it counts within what we know ourselves. */
	start = start < worker->armed_ns ? worker->armed_ns : start > now ? now : start;
	pool_worker_busy(lane->pool, worker);
	lane->promoted++;
	activation_adopt(worker, &caller, lane_last(lane), start);
	sys_word_wake(&lane->window.memory->call);
}

/* Whoever claimed it writes its argument still, for all we know: what it spoils is nobody's. */
static void abandon(struct lane *lane)
{
	lane->abandoned = true;
	end_parked(lane->worker);
}

/*
 * What a word becomes that nobody shall use any more. An answer that waits to be
 * fetched stands: its lane is closed by itself, but for one that its client would keep.
 */
static uint64_t closed_word(const struct lane *lane, uint64_t word, bool waits)
{
	if (!waits)
		return 0;
	if (lane->pool->options.policy != METT_POLICY_REUSE)
		return word;
	return lane_with(word, LANE_USED);
}

/* Returns whether the worker serves an activation of ours now. */
static bool settle(struct worker *worker, bool close)
{
	struct lane *lane = worker->lane;

	if (worker->state != WORKER_PARKED || !has_word(lane))
		return false;
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t word = word_of(lane);
		enum lane_state state = lane_state(word);
		bool begun = state == LANE_BEGUN && slot_in(word) < METT_IN_FLIGHT_MAX;

		if (!begun && state != LANE_ARMED && state != LANE_CLAIMED)
			return false;
		bool waits = begun && answered(lane->window.memory, (uint32_t)word);
		uint64_t next = closed_word(lane, word, waits);
		if (next == word || (waits && !close))
			return false;
		if (!atomic_compare_exchange_strong(&shared(lane)->word, &word, next))
			continue;
		if (begun && !waits)
			adopt(worker, word);
		if (state == LANE_CLAIMED)
			abandon(lane);
		return worker->state == WORKER_RUNNING;
	}
	return false;
}

bool lane_promote(struct worker *worker)
{
	return settle(worker, false);
}

void lane_close(struct worker *worker)
{
	settle(worker, true);
}

/* Of a process for one call the window still has its times, for what they are worth. */
static void note_call(const struct lane *lane)
{
	const volatile struct worker_window *window = lane->window.memory;
	uint64_t start = window ? window->start_ns : 0;
	uint64_t end = window ? window->reply.times.end_runtime : 0;

	if (start >= lane->worker->armed_ns && end >= start && end <= sys_clock_ns())
		tally_note(lane->pool->deployed, false, end - start);
	else
		tally_count(lane->pool->deployed, 1);
}

static void count_shared(const struct lane *lane, uint64_t more)
{
	if (more == 1 && lane->worker && lane->pool->options.policy == METT_POLICY_FORK)
		note_call(lane);
	else
		tally_count(lane->pool->deployed, more);
}

/* What its worker served past us. */
static void note_calls(struct lane *lane, uint64_t count)
{
	uint64_t promoted = lane->promoted < count ? lane->promoted : count;

	lane->promoted -= promoted;
	if (lane->worker && !lane->worker->activation)
		lane->worker->last = lane_last(lane);
	if (count > promoted && lane->pool->options.policy == METT_POLICY_REUSE)
		record_calls(lane->pool, count - promoted, lane_last(lane));
}

bool lane_count(struct lane *lane)
{
	struct session *session = lane->pool->session;
	struct action *action;
	uint64_t calls, more;

	if (!has_word(lane))
		return false;
	calls = atomic_load(&shared(lane)->calls);
	more = calls - lane->calls;
	lane->calls = calls;
	if (more)
		note_calls(lane, more);
	if (more && lane->pool->deployed)
		count_shared(lane, more);
	action = more ? namespace_find(&session->namespace, lane->pool->name) : NULL;
	if (action && action->pool == lane->pool)
		action->activations += more;
	return more;
}

void lanes_count(struct session *session)
{
	for (unsigned i = 0; i < WINDOW_LANES; i++)
		for (struct lane *lane = session->lanes[i]; lane; lane = lane->callee)
			lane_count(lane);
}

uint64_t lane_last(const struct lane *lane)
{
	return atomic_load(&shared(lane)->id) - 1;
}

void lane_claimed(struct session *session, struct worker *caller,
                  const struct message_claim *message)
{
	struct lane *lane = caller                         ? caller->lane->callee
	                    : message->lane < WINDOW_LANES ? session->lanes[message->lane]
	                                                   : NULL;
	uint64_t word = lane ? word_of(lane) : 0;
	const struct caller from = {caller, message->header.tag, slot_in(word)};
	bool begun = lane_state(word) == LANE_BEGUN && (uint32_t)word == from.tag &&
	             from.slot < METT_IN_FLIGHT_MAX && !(caller && caller->call);

	/* Else it has been seen to meanwhile, and its outcome may be on its way. */
	if (!begun || (lane->worker && lane_promote(lane->worker))) {
		activation_limit(session, &from, message->timeout_us);
		return;
	}
	/* It told us that it has answered, and the caller that it has not. */
	struct outcome outcome = {.reason = METT_PROTOCOL, .cap = SYS_NO_CAP};
	fmt_format(outcome.text, sizeof(outcome.text),
	           "action '{}': it broke the worker protocol (an answer that is none)",
	           lane->pool->name);
	if (!atomic_compare_exchange_strong(&shared(lane)->word, &word, 0))
		return;
	/* It has served, whatever came of it. */
	if (lane->worker)
		end_parked(lane->worker);
	activation_refuse(session, &from, &outcome);
}

void lanes_withdraw(struct session *session)
{
	for (unsigned i = 0; i < WINDOW_LANES; i++)
		if (session->lanes[i] && session->lanes[i]->worker)
			lane_close(session->lanes[i]->worker);
}
