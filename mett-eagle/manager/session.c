#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "activation.h"
#include "archivist.h"
#include "creation.h"
#include "lane.h"
#include "pool.h"
#include "request.h"
#include "view.h"

enum { MESSAGES_AT_ONCE = 16, RESEND_NS = 10000000 };

/* A message that could not be sent yet. */
struct reply {
	struct list link;
	sys_cap cap;
	size_t size;
	unsigned char data[];
};

/* Its own end may lie in what it sent, which is not read before: then nobody will ever take any. */
static void unread(struct timer *timer)
{
	struct session *session = LIST_ENTRY(timer, struct session, unread);

	log_warn("session on core {}: client takes no answers; it is dismissed", session->core);
	session->closed = true;
}

/* Without memory for the timer it only stays longer. */
static void await_reader(struct session *session)
{
	timers_arm(&session->timers, &session->unread,
	           sys_clock_ns() + METT_UNREAD_MS * (uint64_t)1000000);
}

/*
 * Room is told by the client's gate. All else that a message can be short of is told by nobody, as
 * that the server's user has too many capabilities under way; until then nothing is taken either.
 */
static void await_chance(struct session *session, int shortage)
{
	if (shortage == SYS_AGAIN) {
		sys_loop_watch_for(session->loop, &session->client, SYS_FOR_WRITING);
		return;
	}
	sys_loop_watch_for(session->loop, &session->client, SYS_FOR_NOTHING);
	if (timers_arm(&session->timers, &session->resend, sys_clock_ns() + RESEND_NS))
		session->closed = true;
}

static void keep_reply(struct session *session, const void *data, size_t size, sys_cap cap,
                       int shortage)
{
	struct reply *reply = malloc(sizeof(*reply) + size);

	if (!reply || (cap != SYS_NO_CAP && cap_take(session->server->caps, cap))) {
		free(reply);
		session->closed = true; /* rather no client than one that waits for ever */
		return;
	}
	*reply = (struct reply){.cap = cap, .size = size};
	memcpy(reply->data, data, size);
	if (list_empty(&session->replies)) {
		await_chance(session, shortage);
		await_reader(session);
	}
	list_init(&reply->link);
	list_append(&session->replies, &reply->link);
}

int session_send(struct session *session, const void *data, size_t size, sys_cap cap)
{
	int result = SYS_AGAIN;

	if (list_empty(&session->replies))
		result = sys_gate_send(session->gate, data, size, &cap, cap != SYS_NO_CAP);
	if (result < 0 && cap != SYS_NO_CAP)
		return result;
	if (result == SYS_CLOSED)
		session->closed = true;
	else if (result)
		keep_reply(session, data, size, cap, result);
	return 0;
}

static void free_reply(struct session *session, struct reply *reply)
{
	list_remove(&reply->link);
	server_drop(session->server, reply->cap);
	free(reply);
}

static void send_replies(struct session *session)
{
	while (!list_empty(&session->replies)) {
		struct reply *reply = LIST_ENTRY(session->replies.next, struct reply, link);
		int result = sys_gate_send(session->gate, reply->data, reply->size, &reply->cap,
		                           reply->cap != SYS_NO_CAP);

		if (result == SYS_CLOSED)
			session->closed = true;
		else if (result)
			await_chance(session, result);
		if (result)
			return;
		free_reply(session, reply);
		await_reader(session);
	}
	timers_disarm(&session->timers, &session->unread);
	sys_loop_watch_for(session->loop, &session->client, SYS_FOR_READING);
}

static void resend(struct timer *timer)
{
	send_replies(LIST_ENTRY(timer, struct session, resend));
}

void session_note_reaped(struct session *session, uint64_t activation, uint64_t time_ns)
{
	struct client_window *window = session->window;
	/* The client can write here what it likes: it then only fools itself. */
	uint64_t count = atomic_load_explicit(&window->reaped_count, memory_order_relaxed);
	unsigned row = (unsigned)(count % WINDOW_REAPED);

	atomic_store_explicit(&window->reaped[row].activation, activation, memory_order_relaxed);
	atomic_store_explicit(&window->reaped[row].time_ns, time_ns, memory_order_relaxed);
	atomic_store_explicit(&window->reaped_count, count + 1, memory_order_release);
}

void session_status(struct session *session, uint32_t tag, enum mett_reason reason, int32_t detail,
                    const char *text)
{
	struct {
		struct message_status fixed;
		char text[METT_MESSAGE_MAX];
	} message = {
		.fixed = {.header = {MESSAGE_STATUS, tag}, .reason = reason, .detail = detail}};
	size_t size = strlen(text);

	memcpy(message.text, text, size);
	session_send(session, &message, sizeof(message.fixed) + size, SYS_NO_CAP);
}

static void dismiss(struct session *session)
{
	log_warn("session on core {}: client sent a message that is none; it is dismissed",
	         session->core);
	session->closed = true;
}

static void take_message(struct session *session, const void *data, struct sys_received *got)
{
	switch (message_check(data, got->size, got->cap_count, FROM_CLIENT)) {
	case MESSAGE_INVOKE:
		activation_begin(session, NULL, data, got);
		break;
	case MESSAGE_CLAIM:
		lane_claimed(session, NULL, data);
		break;
	case MESSAGE_NONE:
	case MESSAGE_REGISTER:
	case MESSAGE_RECORD:
		dismiss(session);
		break;
	default:
		request_take(session, data, got);
	}
}

/* Of a message that came without what it carried: its sender is told, and may try again. */
static void refuse_cut(struct session *session, const void *data, const struct sys_received *got)
{
	const struct message_header *header = data;

	switch (message_check(data, got->size, 1, FROM_CLIENT)) {
	case MESSAGE_INVOKE:
		activation_refuse_cut(session, NULL, data);
		break;
	case MESSAGE_NONE:
		dismiss(session);
		break;
	default:
		session_status(session, header->tag, METT_NO_MEMORY, 0,
		               "the server has no descriptors for what came with it; try later");
	}
}

static void client_ready(struct sys_watch *watch)
{
	struct session *session = LIST_ENTRY(watch, struct session, client);
	_Alignas(8) unsigned char data[MESSAGE_MAX];
	struct sys_received got;

	if (session->resend.due_ns)
		return;
	/* Who does not take answers shall not ask on. */
	if (!list_empty(&session->replies)) {
		send_replies(session);
		return;
	}
	for (int i = 0; i < MESSAGES_AT_ONCE && !session->closed && list_empty(&session->replies);
	     i++) {
		int result = sys_gate_recv(session->gate, data, sizeof(data), &got);

		if (result == SYS_AGAIN)
			return;
		if (result == SYS_CUT)
			refuse_cut(session, data, &got);
		else if (result)
			session->closed = true;
		else
			take_message(session, data, &got);
		if (result)
			return;
		sys_received_close(&got);
	}
}

static bool ended(const struct session *session)
{
	struct server *server = session->server;

	return session->closed || server->stopping ||
	       (server->draining && session->withdrawn && !session->activation_count &&
	        !session->job_count && list_empty(&session->replies));
}

void session_attend(struct session *session)
{
	session->attention = 1;
	sys_loop_wake(session->loop);
}

/* What others have for it: changes of its space, and jobs that are done. */
static void attend(struct session *session)
{
	struct job *job;

	session->attention = 0;
	if (session->space)
		view_refresh(session);
	while ((job = job_take(session))) {
		request_done(session, job);
		job_free(job);
	}
}

int session_turn(struct session *session)
{
	int error = sys_loop_run(session->loop, timers_next(&session->timers));

	if (session->server->draining && !session->withdrawn) {
		session->withdrawn = true;
		lanes_withdraw(session);
	}
	if (atomic_load_explicit(&session->attention, memory_order_relaxed))
		attend(session);
	if (session->ring.generation != recorder_generation(session->server))
		ring_offer(session);
	if (timers_next(&session->timers))
		timers_expire(&session->timers, sys_clock_ns());
	pools_supply(session);
	if (!list_empty(&session->retired))
		pool_collect(session);
	return error;
}

static void retire_actions(struct session *session)
{
	struct action *action;

	while ((action = namespace_any(&session->namespace))) {
		pool_retire(action->pool);
		namespace_remove(&session->namespace, action);
	}
}

/* What it has ordered there is done all the same. */
static void leave_space(struct session *session)
{
	jobs_forget(session);
	if (!session->space)
		return;
	space_leave(session);
	spaces_release(session->space);
}

static void end(struct session *session)
{
	/* First: calls past us that are under way become activations by it. */
	retire_actions(session);
	/* Whoever waits is gone, or is told by the closing of its gate. */
	list_for_each(link, &session->activations)
		activation_drop(LIST_ENTRY(link, struct activation, link));
	creation_drop_all(session);
	list_for_each(link, &session->retired)
		pool_free(LIST_ENTRY(link, struct pool, link));
	ring_close(session);
	leave_space(session);
	while (!list_empty(&session->replies))
		free_reply(session, LIST_ENTRY(session->replies.next, struct reply, link));
	if (session->gate != SYS_NO_CAP) {
		sys_loop_unwatch(session->loop, &session->client);
		sys_gate_discard(session->gate);
	}
	timers_disarm(&session->timers, &session->unread);
	timers_disarm(&session->timers, &session->resend);
	timers_deinit(&session->timers);
	sys_unmap(session->window, sizeof(*session->window));
	sys_loop_free(session->loop);
	session->loop = NULL;
}

void session_free(struct session *session)
{
	if (session->loop)
		end(session);
	free(session);
}

int session_make(struct server *server, const struct session_facts *facts, struct session **ret,
                 sys_cap *ret_gate, sys_cap *ret_window)
{
	struct session *session = calloc(1, sizeof(*session));
	sys_cap gates[2] = {SYS_NO_CAP, SYS_NO_CAP}, window = SYS_NO_CAP;
	void *memory;

	if (!session)
		return -ENOMEM;
	session->server = server;
	session->core = facts->core;
	session->user = facts->user;
	session->gate = SYS_NO_CAP;
	session->client = (struct sys_watch){.ready = client_ready, .cap = SYS_NO_CAP};
	list_init(&session->link);
	list_init(&session->activations);
	list_init(&session->creations);
	list_init(&session->retired);
	list_init(&session->short_of_workers);
	list_init(&session->replies);
	session->unread.expired = unread;
	session->resend.expired = resend;
	list_init(&session->jobs);
	list_init(&session->fellows);
	ring_init(&session->ring);
	int error = sys_loop_new(&session->loop);
	if (!error)
		error = sys_gate_pair(gates);
	session->gate = gates[0];
	if (!error)
		error = sys_loop_watch(session->loop, &session->client, session->gate);
	if (!error)
		error = sys_dataspace_new("window", sizeof(*session->window), 0, &window);
	if (!error)
		error = sys_map(window, sizeof(*session->window), 1, &memory);
	if (error) {
		sys_cap_close(gates[1]);
		sys_cap_close(window);
		session_free(session);
		return error;
	}
	session->window = memory;
	if (facts->space)
		space_join(spaces_hold(facts->space), session);
	*ret = session;
	*ret_gate = gates[1];
	*ret_window = window;
	return 0;
}

static void *session_main(void *data)
{
	struct session *session = data;
	struct server *server = session->server;
	int error = sys_core_pin(session->core);

	if (error)
		log_warn("session: cannot stay on core {}: {}", session->core, strerror(-error));
	error = 0;
	while (!error && !ended(session))
		error = session_turn(session);
	if (error)
		log_error("session on core {}: {}; it ends", session->core, strerror(-error));
	/* It may take long to end all that it has, and others want to be let in meanwhile. */
	server_session_ends(server, session);
	end(session);
	server_session_ended(server, session);
	return NULL;
}

int session_new(struct server *server, const struct session_facts *facts, sys_cap *ret_gate,
                sys_cap *ret_window)
{
	struct session *session;
	sys_cap gate, window;
	int error = session_make(server, facts, &session, &gate, &window);

	if (error)
		return error;
	server_session_begins(server, session);
	error = -pthread_create(&session->thread, NULL, session_main, session);
	if (error) {
		server_session_forget(server, session);
		sys_cap_close(gate);
		sys_cap_close(window);
		session_free(session);
		return error;
	}
	*ret_gate = gate;
	*ret_window = window;
	return 0;
}
