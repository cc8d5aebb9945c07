#include "private.h"

#include <errno.h>
#include <string.h>

int mett_dataspace_fill(const char *name, const void *data, size_t size, sys_cap *ret)
{
	void *memory;
	sys_cap dataspace;
	int error = sys_dataspace_new(name, size, 0, &dataspace);

	if (error)
		return error;
	error = sys_map(dataspace, size, 1, &memory);
	if (!error) {
		memcpy(memory, data, size);
		sys_unmap(memory, size);
		error = sys_dataspace_seal(dataspace);
	}
	if (error)
		sys_cap_close(dataspace);
	else
		*ret = dataspace;
	return error;
}

static struct invocation *free_slot(struct mett_client *client)
{
	/* The first free one: its memory is the warmest. */
	for (unsigned i = 0; i < METT_IN_FLIGHT_MAX; i++)
		if (!client->slots[i].tag)
			return &client->slots[i];
	return NULL;
}

static int check_invocation(const struct mett_client *client, const char *name,
                            const void *argument, size_t size, struct mett_error *error)
{
	int failure = mett_client_check(client, name, error);

	if (failure)
		return failure;
	if (!argument && size)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "action '%s': argument is NULL, but its size is %zu", name,
		                      size);
	if (size > client->payload_max)
		return mett_error_set(error, METT_TOO_LARGE, (int64_t)client->payload_max,
		                      "action '%s': argument of %zu bytes, but the server takes "
		                      "%llu; raise its --max-payload",
		                      name, size, (unsigned long long)client->payload_max);
	return 0;
}

/* Begin an invocation in a free slot. */
static int begin(struct mett_client *client, const char *name, const void *argument, size_t size,
                 const struct mett_config *config, uint32_t flags, struct invocation **ret,
                 struct mett_error *error)
{
	int failure = check_invocation(client, name, argument, size, error);

	if (failure)
		return failure;
	struct invocation *invocation = free_slot(client);
	if (!invocation)
		return mett_error_set(error, METT_BUSY, METT_IN_FLIGHT_MAX,
		                      "action '%s': %d invocations are under way already; take "
		                      "outcomes with mett_client_complete() first",
		                      name, METT_IN_FLIGHT_MAX);
	*ret = invocation;
	if (flags & INVOKE_WANTS_LANES && mett_call_possible(config) && size <= WINDOW_ROOM &&
	    client->gate != SYS_NO_CAP &&
	    mett_lane_call(client, invocation, name, argument, size, mett_call_timeout(config)) !=
	            LANE_CALL_NONE)
		return 0;
	unsigned slot = (unsigned)(invocation - client->slots);
	struct message_invoke message = {
		.header = {MESSAGE_INVOKE, mett_client_tag(client)},
		.config = config ? *config : (struct mett_config){0},
		.size = size,
		.slot = slot,
		.flags = flags,
	};
	sys_cap large = SYS_NO_CAP;
	message_name_set(&message.name, name);
	if (size > METT_INLINE_MAX) {
		failure = mett_dataspace_fill("argument", argument, size, &large);
		if (failure)
			return mett_error_set(error, METT_NO_MEMORY, 0,
			                      "action '%s': no memory for an argument of %zu "
			                      "bytes: %s",
			                      name, size, strerror(-failure));
	} else if (size) {
		memcpy(client->window->slot[slot].argument, argument, size);
	}
	failure = mett_client_send(client, &message, sizeof(message), large, error);
	sys_cap_close(large);
	if (failure)
		return failure;
	invocation->tag = message.header.tag;
	invocation->done = false;
	return 0;
}

int mett_action_invoke(struct mett_client *client, const char *name, const void *argument,
                       size_t size, const struct mett_config *config, struct mett_result *result)
{
	struct invocation *invocation;
	struct mett_error error;

	if (begin(client, name, argument, size, config, INVOKE_WANTS_LANES, &invocation, &error) <
	    0) {
		if (client)
			mett_client_settle(client);
		return mett_result_fail(result, &error);
	}
	invocation->submitted = false;
	while (!invocation->done)
		mett_client_take(client, 0);
	invocation->tag = 0;
	mett_client_settle(client);
	int outcome = -mett_reason_errno(invocation->result.error.reason);
	if (result)
		*result = invocation->result;
	else
		mett_result_deinit(&invocation->result);
	return outcome;
}

int mett_action_submit(struct mett_client *client, const char *name, const void *argument,
                       size_t size, const struct mett_config *config, uint64_t token,
                       struct mett_error *error)
{
	struct invocation *invocation;
	int failure = begin(client, name, argument, size, config, 0, &invocation, error);

	if (!failure) {
		invocation->submitted = true;
		invocation->token = token;
		client->in_flight++;
		mett_error_clear(error);
	}
	if (client)
		mett_client_settle(client);
	return failure;
}

static void take_outcome(struct mett_client *client, uint64_t *token, struct mett_result *result)
{
	struct invocation *invocation = &client->slots[client->queue[client->queue_head]];

	client->queue_head = (client->queue_head + 1) % METT_IN_FLIGHT_MAX;
	client->queue_count--;
	client->in_flight--;
	*token = invocation->token;
	*result = invocation->result;
	invocation->tag = 0;
}

static uint64_t deadline_in(int64_t timeout_us)
{
	static const int64_t year_us = 365ll * 24 * 3600 * 1000000;

	/* Nobody waits for longer, and the sum must not overflow. */
	if (timeout_us < 0 || timeout_us > year_us)
		return 0;
	return sys_clock_ns() + (uint64_t)timeout_us * 1000;
}

int mett_client_complete(struct mett_client *client, int64_t timeout_us, uint64_t *token,
                         struct mett_result *result)
{
	if (!client || !token || !result)
		return -EINVAL;

	/* With nothing under way it only looks whether the server is still there. */
	uint64_t deadline_ns = deadline_in(client->in_flight ? timeout_us : 0);
	int outcome = 0;

	while (!client->queue_count && outcome == 0)
		outcome = mett_client_take(client, deadline_ns);
	bool taken = client->queue_count > 0;
	if (taken)
		take_outcome(client, token, result);
	mett_client_settle(client);
	if (taken)
		return 1;
	return outcome == SYS_AGAIN ? 0 : outcome;
}

unsigned mett_client_in_flight(const struct mett_client *client)
{
	return client ? client->in_flight : 0;
}

size_t mett_client_reaped(struct mett_client *client, struct mett_reaped *rows, size_t count)
{
	size_t filled = 0;

	if (!client || !rows)
		return 0;
	struct client_window *window = client->window;
	uint64_t noted = atomic_load_explicit(&window->reaped_count, memory_order_acquire);
	if (noted - client->reaped_seen >= WINDOW_REAPED)
		client->reaped_seen = noted < WINDOW_REAPED ? 0 : noted - WINDOW_REAPED + 1;
	while (client->reaped_seen < noted && filled < count) {
		uint64_t row = client->reaped_seen++;
		struct mett_reaped *to = &rows[filled];

		to->activation = atomic_load_explicit(
			&window->reaped[row % WINDOW_REAPED].activation, memory_order_acquire);
		to->time_ns = atomic_load_explicit(&window->reaped[row % WINDOW_REAPED].time_ns,
		                                   memory_order_acquire);
		/* Not if the server could have begun to write over it. */
		if (atomic_load_explicit(&window->reaped_count, memory_order_acquire) - row <
		    WINDOW_REAPED)
			filled++;
	}
	return filled;
}
