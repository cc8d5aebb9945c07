/*
 * Calls past the server: the client wakes a parked worker itself and sleeps
 * until that has answered. Whatever is out of the ordinary is left to the server.
 */
#include "private.h"

#include <stdlib.h>
#include <string.h>

/* So long a large payload waits for the lane that is made next. */
static const uint64_t arming_ns = 10000000;

static unsigned bucket_of(const char *name)
{
	unsigned hash = 5381;

	while (*name)
		hash = hash * 33 + (unsigned char)*name++;
	return hash % LANE_BUCKETS;
}

static bool make_table(struct mett_client *client)
{
	if (client->lanes)
		return true;
	client->lanes = calloc(WINDOW_LANES, sizeof(*client->lanes));
	for (unsigned i = 0; i < LANE_BUCKETS; i++)
		client->lane_bucket[i] = WINDOW_LANES;
	return client->lanes;
}

static void forget(struct mett_client *client, struct lane *lane)
{
	uint16_t number = (uint16_t)(lane - client->lanes);
	uint16_t *link = &client->lane_bucket[lane->bucket];

	if (!lane->window)
		return;
	while (*link != number)
		link = &client->lanes[*link].next;
	*link = lane->next;
	sys_unmap(lane->window, sizeof(*lane->window));
	lane->window = NULL;
}

void mett_lanes_free(struct mett_client *client)
{
	if (!client->lanes)
		return;
	for (unsigned i = 0; i < WINDOW_LANES; i++)
		forget(client, &client->lanes[i]);
	free(client->lanes);
}

bool mett_lane_take(struct mett_client *client, const struct message_lane *message, sys_cap cap)
{
	if (message->lane >= WINDOW_LANES || !message_name_valid(&message->name))
		return false;
	/* Without memory for it there is no such lane, and calls go by the server. */
	if (!make_table(client))
		return true;
	struct lane *lane = &client->lanes[message->lane];

	forget(client, lane);
	lane->window = mett_window_map(cap, sizeof(*lane->window));
	if (!lane->window)
		return true;
	memcpy(lane->name, message->name.text, sizeof(lane->name));
	lane->armed = lane_word(LANE_ARMED, message->generation, 0, 0);
	lane->keep = message->keep;
	lane->bucket = (uint16_t)bucket_of(lane->name);
	lane->next = client->lane_bucket[lane->bucket];
	client->lane_bucket[lane->bucket] = (uint16_t)message->lane;
	return true;
}

static struct window_lane *shared(struct mett_client *client, const struct lane *lane)
{
	return &client->window->lane[lane - client->lanes];
}

/* Claim a lane of the action. Returns NULL when none is armed. */
static struct lane *claim(struct mett_client *client, const char *name, unsigned slot, uint32_t tag,
                          uint64_t *ret_word)
{
	if (!client->lanes)
		return NULL;
	for (uint16_t i = client->lane_bucket[bucket_of(name)]; i < WINDOW_LANES;
	     i = client->lanes[i].next) {
		struct lane *lane = &client->lanes[i];
		_Atomic uint64_t *word = &client->window->lane[i].word;
		uint64_t armed = lane->armed;

		if (atomic_load_explicit(word, memory_order_relaxed) != armed ||
		    strcmp(lane->name, name) != 0)
			continue;
		*ret_word = lane_word(LANE_CLAIMED, (uint32_t)(armed >> 32), slot, tag);
		if (atomic_compare_exchange_strong(word, &armed, *ret_word))
			return lane;
	}
	return NULL;
}

/* Is a lane of the action about to be armed? */
static bool coming(const struct mett_client *client, const char *name)
{
	if (!client->lanes)
		return false;
	for (uint16_t i = client->lane_bucket[bucket_of(name)]; i < WINDOW_LANES;
	     i = client->lanes[i].next) {
		enum lane_state state = lane_state(
			atomic_load_explicit(&client->window->lane[i].word, memory_order_relaxed));

		if ((state == LANE_COMING || state == LANE_USED) &&
		    strcmp(client->lanes[i].name, name) == 0)
			return true;
	}
	return false;
}

/* The same, with patience: a large payload is sooner in a warm lane than in new memory. */
static struct lane *claim_next(struct mett_client *client, const char *name, unsigned slot,
                               uint32_t tag, uint64_t *ret_word)
{
	struct client_window *window = client->window;
	uint64_t deadline_ns = sys_clock_ns() + arming_ns;
	struct lane *lane;

	atomic_store(&window->waiting, 1);
	for (;;) {
		uint32_t armed = atomic_load(&window->armed);

		lane = claim(client, name, slot, tag, ret_word);
		if (lane || !coming(client, name) || sys_clock_ns() >= deadline_ns ||
		    client->gate == SYS_NO_CAP)
			break;
		/* What is armed may be a lane that we have not heard of yet. */
		if (mett_client_take(client, 1) == SYS_AGAIN)
			sys_word_wait(&window->armed, armed, deadline_ns);
	}
	atomic_store(&window->waiting, 0);
	return lane;
}

static void take_reply(struct mett_client *client, struct invocation *invocation,
                       const struct lane *lane, uint64_t id, uint64_t start)
{
	const struct worker_window *window = lane->window;
	const struct window_reply reply = window->reply; /* the worker can write on */
	const void *answer = mett_call_answer(window, reply.size);
	struct message_done done = {.activation = id, .size = reply.size};
	struct mett_error error;

	mett_call_times(&done.times, &reply.times, start);
	if (answer && mett_result_take(&invocation->result, &done, answer, WINDOW_ROOM, SYS_NO_CAP,
	                               client->payload_max))
		return;
	mett_error_set(&error, METT_PROTOCOL, 0,
	               "action '%s': it broke the worker protocol (answer larger than it may be)",
	               lane->name);
	mett_result_fail(&invocation->result, &error);
}

enum lane_outcome mett_lane_call(struct mett_client *client, struct invocation *invocation,
                                 const char *name, const void *argument, size_t size,
                                 uint64_t timeout_us)
{
	uint32_t tag = mett_client_tag(client);
	uint64_t word, id, start;
	unsigned slot = (unsigned)(invocation - client->slots);
	struct lane *lane = size > METT_INLINE_MAX ? claim_next(client, name, slot, tag, &word)
	                                           : claim(client, name, slot, tag, &word);

	if (!lane)
		return LANE_CALL_NONE;
	id = mett_call_begin(shared(client, lane), lane->window, &word, argument, size, timeout_us);
	if (!id)
		return LANE_CALL_NONE;
	invocation->tag = tag;
	invocation->done = invocation->submitted = false;
	start = lane->window->start_ns;
	if (mett_call_wait(lane->window, tag)) {
		take_reply(client, invocation, lane, id, start);
		invocation->done =
			mett_call_end(shared(client, lane), lane->window, word,
		                      lane->keep ? lane->armed : lane_word(LANE_USED, 0, 0, 0));
		if (invocation->done)
			return LANE_CALL_DONE;
		mett_result_deinit(&invocation->result);
	}
	/* Also when the server has seen to it already: a worker could have made us believe so. */
	struct message_claim message = {
		.header = {MESSAGE_CLAIM, tag},
		.lane = (uint32_t)(lane - client->lanes),
		.timeout_us = timeout_us,
	};
	mett_client_send(client, &message, sizeof(message), SYS_NO_CAP, NULL);
	return LANE_CALL_LATE;
}
