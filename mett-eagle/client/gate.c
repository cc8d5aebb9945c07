#include "os.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint32_t mett_client_tag(struct mett_client *client)
{
	/* 0 means "none". One that comes round again is long over: 2^32 requests later. */
	if (++client->last_tag == 0)
		client->last_tag = 1;
	return client->last_tag;
}

static void end_invocation(struct mett_client *client, struct invocation *invocation)
{
	invocation->done = true;
	if (invocation->submitted)
		client->queue[(client->queue_head + client->queue_count++) % METT_IN_FLIGHT_MAX] =
			(uint8_t)(invocation - client->slots);
}

void mett_client_lose(struct mett_client *client, const char *format, ...)
{
	char why[128];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	mett_error_set(&client->gone, METT_GONE, 0,
	               "server is gone: %s; see that it runs, then register again", why);
	sys_cap_close(client->gate);
	client->gate = SYS_NO_CAP;
	for (unsigned i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		struct invocation *invocation = &client->slots[i];

		if (invocation->tag && !invocation->done) {
			mett_result_fail(&invocation->result, &client->gone);
			end_invocation(client, invocation);
		}
	}
}

int mett_client_broke(struct mett_client *client, struct mett_error *error)
{
	if (client->gate != SYS_NO_CAP)
		mett_client_lose(client, "it broke the protocol");
	if (error)
		*error = client->gone;
	return -EPIPE;
}

static bool take_done(struct mett_client *client, const struct sys_received *received)
{
	const struct message_done *done = (const void *)client->message;
	sys_cap large = received->cap_count ? received->caps[0] : SYS_NO_CAP;

	if (done->slot >= METT_IN_FLIGHT_MAX ||
	    received->size != sizeof(*done) + done->text_size + done->log_size)
		return false;
	struct invocation *invocation = &client->slots[done->slot];
	if (!invocation->tag || invocation->done || invocation->tag != done->header.tag)
		return false;
	if (!mett_result_take(&invocation->result, done, client->window->slot[done->slot].answer,
	                      METT_INLINE_MAX, large, client->payload_max))
		return false;
	end_invocation(client, invocation);
	return true;
}

static bool take_reply(struct mett_client *client, enum message_type type, size_t size)
{
	const struct message_header *header = (const void *)client->message;

	if (!client->asked || header->tag != client->asked)
		return false;
	client->asked = 0;
	client->reply = type;
	client->message_size = size;
	return true;
}

static bool take_message(struct mett_client *client, struct sys_received *received)
{
	enum message_type type =
		message_check(client->message, received->size, received->cap_count, FROM_SERVER);
	bool lawful = false;

	if (type == MESSAGE_DONE)
		lawful = take_done(client, received);
	else if (type == MESSAGE_LANE)
		lawful = mett_lane_take(client, (const void *)client->message, received->caps[0]);
	else if (type == MESSAGE_STATUS || type == MESSAGE_ROWS || type == MESSAGE_VERSION)
		lawful = take_reply(client, type, received->size);
	sys_received_close(received);
	return lawful;
}

/* No descriptor was left here for what came with it. Without a lane, calls go by the server. */
static bool take_cut(struct mett_client *client, size_t size)
{
	static const char text[] =
		"no descriptor is left in this process for the answer; close some";
	struct message_done *done = (void *)client->message;
	enum message_type type = message_check(client->message, size, 1, FROM_SERVER);

	if (type != MESSAGE_DONE)
		return type == MESSAGE_LANE;
	done->reason = METT_NO_MEMORY;
	done->detail = 0;
	done->size = 0;
	done->text_size = sizeof(text) - 1;
	done->log_size = 0;
	memcpy(done + 1, text, done->text_size);
	return take_done(client, &(struct sys_received){.size = sizeof(*done) + done->text_size});
}

/* Take one message if there is one. Returns 0, SYS_AGAIN or -EPIPE. */
static int take_now(struct mett_client *client)
{
	struct sys_received received;
	int outcome = sys_gate_recv(client->gate, client->message, MESSAGE_MAX, &received);

	/* A reset is told before what the server had sent, and only once. */
	if (outcome == SYS_CLOSED)
		outcome = sys_gate_recv(client->gate, client->message, MESSAGE_MAX, &received);
	if (outcome == SYS_AGAIN)
		return SYS_AGAIN;
	if (outcome == SYS_CLOSED)
		mett_client_lose(client, "it hung up");
	else if (outcome == SYS_REFUSED)
		mett_client_lose(client, "its message was too long");
	else if (outcome < 0)
		mett_client_lose(client, "cannot read from it: %s", strerror(-outcome));
	else if (outcome == SYS_CUT ? !take_cut(client, received.size)
	                            : !take_message(client, &received))
		return mett_client_broke(client, NULL);
	return client->gate == SYS_NO_CAP ? -EPIPE : 0;
}

int mett_client_take(struct mett_client *client, uint64_t deadline_ns)
{
	if (client->gate == SYS_NO_CAP)
		return -EPIPE;
	/* Not when it is a signal that ended the wait: callers then wait on. */
	if (sys_gate_wait(client->gate, 0, deadline_ns) == SYS_AGAIN)
		return SYS_AGAIN;
	return take_now(client) == -EPIPE ? -EPIPE : 0;
}

/* The server may itself wait for room: it gets it when its messages are taken. */
static void wait_for_room(struct mett_client *client)
{
	if (mett_os_wait_for_any(client->gate))
		take_now(client);
}

int mett_client_send(struct mett_client *client, const void *message, size_t size, sys_cap cap,
                     struct mett_error *error)
{
	while (client->gate != SYS_NO_CAP) {
		int outcome = sys_gate_send(client->gate, message, size, &cap, cap != SYS_NO_CAP);

		if (outcome == 0)
			return 0;
		if (outcome == SYS_AGAIN) {
			wait_for_room(client);
		} else if (outcome == SYS_CLOSED) {
			/* What it sent before it went is still to be had. */
			while (take_now(client) == 0)
				;
			if (client->gate != SYS_NO_CAP)
				mett_client_lose(client, "it takes no more messages");
		} else {
			return mett_error_set(error, METT_NO_MEMORY, 0,
			                      "cannot send to the server: %s", strerror(-outcome));
		}
	}
	if (error)
		*error = client->gone;
	return -EPIPE;
}

int mett_client_ask(struct mett_client *client, void *message, size_t size, sys_cap cap,
                    enum message_type reply, struct mett_error *error)
{
	const struct message_status *status = (const void *)client->message;
	struct message_header *header = message;

	header->tag = mett_client_tag(client);
	int failure = mett_client_send(client, message, size, cap, error);
	if (failure)
		return failure;
	client->reply = MESSAGE_NONE;
	client->asked = header->tag;
	while (client->reply == MESSAGE_NONE && client->gate != SYS_NO_CAP)
		mett_client_take(client, 0);
	client->asked = 0;
	if (client->reply == MESSAGE_STATUS && status->reason < METT_REASON_COUNT &&
	    (status->reason != METT_OK || reply == MESSAGE_STATUS))
		return mett_error_take(error, status->reason, status->detail,
		                       (const char *)(status + 1),
		                       client->message_size - sizeof(*status));
	if (client->reply == reply && reply != MESSAGE_STATUS)
		return mett_error_clear(error);
	return mett_client_broke(client, error);
}

uint32_t mett_client_detail(const struct mett_client *client)
{
	return (uint32_t)((const struct message_status *)client->message)->detail;
}

void mett_client_settle(struct mett_client *client)
{
	bool work = client->queue_count > 0 || client->gate == SYS_NO_CAP;

	if (work == client->signalled)
		return;
	mett_os_poll_signal(client, work);
	client->signalled = work;
}
