#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include "activation.h"
#include "worker.h"

/* Numbers that each process of policy `reuse` can give to activations before it asks for more. */
#define REUSE_IDS ((uint64_t)1 << 32)

/* How often a word may change under our hands: honest ones do so once or twice. */
enum { TRIES = 100 };

static struct window_lane *shared(const struct lane *lane)
{
	return &lane->pool->session->window->lane[lane->number];
}

static bool numbered(const struct lane *lane)
{
	return lane->number < WINDOW_LANES;
}

static uint64_t word_of(const struct lane *lane)
{
	return atomic_load_explicit(&shared(lane)->word, memory_order_acquire);
}

static void take_number(struct lane *lane)
{
	struct session *session = lane->pool->session;

	lane->number = WINDOW_LANES;
	/* What a spawned process writes at its start is in its log: that needs the server. */
	if (lane->pool->options.policy == METT_POLICY_SPAWN)
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

static struct lane *lane_new(struct pool *pool)
{
	struct server *server = pool->session->server;
	struct lane *lane = calloc(1, sizeof(*lane));
	void *memory;

	if (!lane)
		return NULL;
	lane->pool = pool;
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
	take_number(lane);
	return lane;
}

static void drop_window(struct lane *lane)
{
	if (!lane->window.memory)
		return;
	sys_window_vacate(&lane->window);
	sys_unmap(lane->window.memory, sizeof(*lane->window.memory));
	server_drop(lane->pool->session->server, lane->window.cap);
	lane->window.memory = NULL;
}

void lane_free(struct lane *lane)
{
	struct session *session = lane->pool->session;

	list_remove(&lane->link);
	if (numbered(lane)) {
		atomic_store(&shared(lane)->word, 0);
		session->lanes[lane->number] = NULL;
	}
	drop_window(lane);
	free(lane);
}

/* Not before the client has fetched the answer, even if the worker is gone. */
static bool fetched(const struct lane *lane)
{
	return !numbered(lane) || lane_state(word_of(lane)) != LANE_BEGUN;
}

struct lane *lane_take(struct pool *pool)
{
	list_for_each(link, &pool->spare) {
		struct lane *lane = LIST_ENTRY(link, struct lane, link);

		if (!fetched(lane))
			continue;
		if (!lane->window.memory ||
		    sys_dataspace_wipe(lane->window.cap, lane->window.memory,
		                       sizeof(*lane->window.memory))) {
			lane_free(lane);
			continue;
		}
		list_remove(&lane->link);
		return lane;
	}
	return lane_new(pool);
}

void lane_give(struct lane *lane)
{
	if (!lane)
		return;
	lane->worker = NULL;
	list_append(&lane->pool->spare, &lane->link);
	if (!fetched(lane))
		drop_window(lane); /* the client has it, and another worker never */
	else if (numbered(lane))
		atomic_store(&shared(lane)->word, 0);
}

void lanes_trim(struct pool *pool)
{
	list_for_each(link, &pool->spare) {
		struct lane *lane = LIST_ENTRY(link, struct lane, link);

		if (fetched(lane))
			lane_free(lane);
	}
}

static void announce(struct lane *lane)
{
	struct message_lane message = {
		.header.type = MESSAGE_LANE,
		.lane = lane->number,
		.generation = lane->generation,
		.keep = lane->pool->options.policy == METT_POLICY_REUSE,
	};

	message_name_set(&message.name, lane->pool->name);
	session_send(lane->pool->session, &message, sizeof(message), lane->window.cap);
	lane->announced = true;
}

void lane_arm(struct worker *worker)
{
	struct lane *lane = worker->lane;
	struct pool *pool = worker->pool;
	struct server *server = pool->session->server;
	struct worker_window *window = lane->window.memory;
	bool keep = pool->options.policy == METT_POLICY_REUSE;

	if (!numbered(lane) || !pool->lanes_wanted || pool->retired || server->draining)
		return;
	if (!lane->announced)
		announce(lane);
	window->keep = keep;
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
}

bool lane_unused(const struct lane *lane)
{
	return !numbered(lane) || lane_state(word_of(lane)) <= LANE_ARMED;
}

bool lane_used(const struct lane *lane)
{
	return numbered(lane) && lane_state(word_of(lane)) == LANE_USED;
}

bool lane_disarm(struct lane *lane)
{
	uint64_t word;

	if (!numbered(lane))
		return true;
	word = word_of(lane);
	return lane_state(word) == LANE_NONE ||
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

static void adopt(struct worker *worker, uint64_t word)
{
	struct lane *lane = worker->lane;
	uint64_t now = sys_clock_ns(), start = lane->window.memory->start_ns;

	/* Worker and client can both write there: it counts within what we know ourselves. */
	start = start < worker->armed_ns ? worker->armed_ns : start > now ? now : start;
	pool_worker_busy(lane->pool, worker);
	activation_adopt(worker, (uint32_t)word, slot_in(word), lane_last(lane), start);
	sys_word_wake(&lane->window.memory->call);
}

/* Returns whether the worker serves an activation of ours now. */
static bool settle(struct worker *worker, bool close)
{
	struct lane *lane = worker->lane;

	if (worker->state != WORKER_PARKED || !numbered(lane))
		return false;
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t word = word_of(lane);
		enum lane_state state = lane_state(word);
		bool begun = state == LANE_BEGUN && slot_in(word) < METT_IN_FLIGHT_MAX;

		if (!begun && state != LANE_ARMED && state != LANE_CLAIMED)
			return false;
		begun = begun && !answered(lane->window.memory, (uint32_t)word);
		if (state == LANE_BEGUN && !begun && !close)
			return false;
		if (!atomic_compare_exchange_strong(&shared(lane)->word, &word, 0))
			continue;
		if (begun)
			adopt(worker, word);
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

bool lane_count(struct lane *lane)
{
	struct session *session = lane->pool->session;
	struct action *action;
	uint64_t calls, more;

	if (!numbered(lane))
		return false;
	calls = atomic_load(&shared(lane)->calls);
	more = calls - lane->calls;
	lane->calls = calls;
	action = more ? namespace_find(&session->namespace, lane->pool->name) : NULL;
	if (action && action->pool == lane->pool)
		action->info.activations += more;
	return more;
}

uint64_t lane_last(const struct lane *lane)
{
	return atomic_load(&shared(lane)->id) - 1;
}

void lane_claimed(struct session *session, const struct message_claim *message)
{
	struct lane *lane = message->lane < WINDOW_LANES ? session->lanes[message->lane] : NULL;
	uint64_t word = lane ? word_of(lane) : 0;

	/* Else it has been seen to meanwhile, and the outcome is on its way. */
	if (lane_state(word) != LANE_BEGUN || (uint32_t)word != message->header.tag ||
	    slot_in(word) >= METT_IN_FLIGHT_MAX)
		return;
	if (lane->worker && lane_promote(lane->worker))
		return;
	/* It told us that it has answered, and the client that it has not. */
	struct outcome outcome = {.reason = METT_PROTOCOL, .cap = SYS_NO_CAP};
	fmt_format(outcome.text, sizeof(outcome.text),
	           "action '{}': it broke the worker protocol (an answer that is none)",
	           lane->pool->name);
	if (atomic_compare_exchange_strong(&shared(lane)->word, &word, 0))
		activation_refuse(session, (uint32_t)word, slot_in(word), &outcome);
}

void lanes_withdraw(struct session *session)
{
	for (unsigned i = 0; i < WINDOW_LANES; i++)
		if (session->lanes[i] && session->lanes[i]->worker)
			lane_close(session->lanes[i]->worker);
}
