#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "activation.h"
#include "creation.h"
#include "lane.h"
#include "pool.h"
#include "program.h"

enum {
	MESSAGES_AT_ONCE = 16,
	LIST_ROOM = (MESSAGE_MAX - (int)sizeof(struct message_rows)) /
	            (int)sizeof(struct message_action),
};

/* A message the client's gate had no room for. */
struct reply {
	struct list link;
	sys_cap cap;
	size_t size;
	unsigned char data[];
};

static void keep_reply(struct session *session, const void *data, size_t size, sys_cap cap)
{
	struct reply *reply = malloc(sizeof(*reply) + size);

	if (!reply || (cap != SYS_NO_CAP && cap_take(session->server->caps, cap))) {
		free(reply);
		session->closed = true; /* rather no client than one that waits for ever */
		return;
	}
	*reply = (struct reply){.cap = cap, .size = size};
	memcpy(reply->data, data, size);
	if (list_empty(&session->replies))
		sys_loop_watch_write(session->loop, &session->client, 1);
	list_init(&reply->link);
	list_append(&session->replies, &reply->link);
}

void session_send(struct session *session, const void *data, size_t size, sys_cap cap)
{
	int result = SYS_AGAIN;

	if (list_empty(&session->replies))
		result = sys_gate_send(session->gate, data, size, &cap, cap != SYS_NO_CAP);
	if (result == SYS_AGAIN)
		keep_reply(session, data, size, cap);
	else if (result)
		session->closed = true;
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

		if (result == SYS_AGAIN)
			return;
		if (result) {
			session->closed = true;
			return;
		}
		free_reply(session, reply);
	}
	sys_loop_watch_write(session->loop, &session->client, 0);
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

void session_status(struct session *session, uint32_t tag, enum mett_reason reason,
                    const char *text)
{
	struct {
		struct message_status fixed;
		char text[METT_MESSAGE_MAX];
	} message = {.fixed = {.header = {MESSAGE_STATUS, tag}, .reason = reason}};
	size_t size = strlen(text);

	memcpy(message.text, text, size);
	session_send(session, &message, sizeof(message.fixed) + size, SYS_NO_CAP);
}

enum mett_reason session_install(struct session *session, struct pool *pool, size_t size)
{
	struct action *action = namespace_find(&session->namespace, pool->name);

	if (!action)
		action = namespace_add(&session->namespace, pool->name);
	if (!action)
		return METT_NO_MEMORY;
	if (action->pool)
		pool_retire(action->pool);
	action->pool = pool;
	action->info.options = pool->options;
	action->info.size = size;
	action->info.version++;
	return METT_OK;
}

/*
 * Give an action its first or next version: at once, or when a zygote has shown
 * that it can be served. On failure everything is as it was.
 */
static enum mett_reason provide(struct session *session, const char *name,
                                const struct mett_action_options *options, size_t size,
                                sys_cap program, uint32_t tag)
{
	enum mett_reason reason = METT_OK;
	struct pool *pool;

	if (server_keep(session->server, program))
		return METT_NO_MEMORY;
	pool = pool_new(session, name, options, program);
	if (!pool) {
		server_drop(session->server, program);
		return METT_NO_MEMORY;
	}
	/* What the server cannot judge by itself, a zygote shows. */
	bool judged = options->language == METT_LANGUAGE_BINARY && !options->grants;
	if (judged)
		reason = session_install(session, pool, size);
	else if (creation_begin(session, pool, tag, size))
		reason = METT_NO_MEMORY;
	if (reason)
		pool_free(pool);
	else if (judged)
		session_status(session, tag, METT_OK, "");
	return reason;
}

/* A program that is not of our making cannot be forked: as fresh is to start it each time. */
static enum mett_policy policy_of(const struct mett_action_options *options)
{
	if (options->policy == METT_POLICY_REUSE || options->policy == METT_POLICY_SPAWN)
		return options->policy;
	if (options->language == METT_LANGUAGE_EXEC ||
	    options->language == METT_LANGUAGE_ACTIONLOOP)
		return METT_POLICY_SPAWN;
	return METT_POLICY_FORK;
}

/* What goes well is answered by who provides it. */
static enum mett_reason create_action(struct session *session, const struct message_create *message,
                                      struct sys_received *got, char *why)
{
	bool update = message->header.type == MESSAGE_UPDATE;
	const char *name = message->name.text;
	struct mett_action_options options = {message->language,    message->policy,
	                                      message->defaults,    message->grants,
	                                      message->concurrency, NULL};
	const struct action *action;
	size_t size = 0;

#define REFUSE(reason_, ...)                                                                       \
	do {                                                                                       \
		fmt_format(why, METT_MESSAGE_MAX, __VA_ARGS__);                                    \
		return (reason_);                                                                  \
	} while (0)

	if (!message_name_valid(&message->name))
		REFUSE(METT_BAD_ARGUMENT,
		       "that is no name of an action; use 1 to {} of A-Z a-z 0-9 . _ -",
		       (int)METT_NAME_MAX);
	if (message->policy > METT_POLICY_REUSE)
		REFUSE(METT_BAD_ARGUMENT, "action '{}': there is no policy {}", name,
		       message->policy);
	if (message->grants & ~(unsigned)METT_GRANT_ALL)
		REFUSE(METT_BAD_ARGUMENT, "action '{}': there is no grant {:#x}", name,
		       message->grants & ~(unsigned)METT_GRANT_ALL);
	options.policy = policy_of(&options);
	action = namespace_find(&session->namespace, name);
	if (action && !update)
		REFUSE(METT_EXISTS, "action '{}' exists; update it, or delete it first", name);
	if (!action && update)
		REFUSE(METT_NO_ACTION, "there is no action '{}' here; create it first", name);
	if (creation_pending(session, name))
		REFUSE(METT_BUSY, "action '{}' is being created; wait for the answer to that",
		       name);
	unsigned pending = creation_count(session);
	if (pending >= METT_IN_FLIGHT_MAX)
		REFUSE(METT_BUSY, "action '{}': {} others are being created; wait for them", name,
		       pending);
	if (!action && session->namespace.count + pending >= METT_ACTIONS_MAX)
		REFUSE(METT_BUSY, "action '{}': there are {} actions already; delete some", name,
		       session->namespace.count);
	enum mett_reason reason = program_check(name, got->caps[0], &options, &size, why);
	if (reason)
		return reason;
	got->cap_count = 0;
	reason = provide(session, name, &options, size, got->caps[0], message->header.tag);
	if (reason)
		REFUSE(reason, "action '{}': the server has no memory; try later", name);
	return METT_OK;
#undef REFUSE
}

static enum mett_reason delete_action(struct session *session, const struct message_delete *message,
                                      char *why)
{
	struct action *action = NULL;

	if (message_name_valid(&message->name))
		action = namespace_find(&session->namespace, message->name.text);
	if (!action) {
		fmt_format(why, METT_MESSAGE_MAX, "there is no such action here to delete");
		return METT_NO_ACTION;
	}
	pool_retire(action->pool);
	namespace_remove(&session->namespace, action);
	return METT_OK;
}

static void list_actions(struct session *session, const struct message_list *message)
{
	struct {
		struct message_rows fixed;
		struct message_action rows[LIST_ROOM];
	} answer;
	struct action *found[LIST_ROOM + 1];
	char after[METT_NAME_MAX + 1] = "";
	unsigned count;

	for (unsigned i = 0; i < WINDOW_LANES; i++)
		for (struct lane *lane = session->lanes[i]; lane; lane = lane->callee)
			lane_count(lane);
	memcpy(after, message->after.text, METT_NAME_MAX);
	count = namespace_list(&session->namespace, after, found, LIST_ROOM + 1);
	answer.fixed = (struct message_rows){
		.header = {MESSAGE_ROWS, message->header.tag},
		.count = count > LIST_ROOM ? LIST_ROOM : count,
		.more = count > LIST_ROOM,
	};
	for (unsigned i = 0; i < answer.fixed.count; i++) {
		const struct mett_action_info *info = &found[i]->info;

		answer.rows[i] = (struct message_action){
			.defaults = info->options.defaults,
			.size = info->size,
			.activations = info->activations,
			.language = info->options.language,
			.policy = info->options.policy,
			.version = info->version,
			.grants = info->options.grants,
			.concurrency = info->options.concurrency,
		};
		message_name_set(&answer.rows[i].name, info->name);
	}
	session_send(session, &answer,
	             sizeof(answer.fixed) + answer.fixed.count * sizeof(answer.rows[0]),
	             SYS_NO_CAP);
}

static void take_message(struct session *session, const void *data, struct sys_received *got)
{
	const struct message_header *header = data;
	char why[METT_MESSAGE_MAX] = "";
	enum mett_reason reason;

	switch (message_check(data, got->size, got->cap_count, FROM_CLIENT)) {
	case MESSAGE_INVOKE:
		activation_begin(session, NULL, data, got);
		break;
	case MESSAGE_CLAIM:
		lane_claimed(session, NULL, data);
		break;
	case MESSAGE_CREATE:
	case MESSAGE_UPDATE:
		reason = create_action(session, data, got, why);
		if (reason)
			session_status(session, header->tag, reason, why);
		break;
	case MESSAGE_DELETE:
		reason = delete_action(session, data, why);
		session_status(session, header->tag, reason, why);
		break;
	case MESSAGE_LIST:
		list_actions(session, data);
		break;
	default:
		log_warn("session on core {}: client sent a message that is none; it is dismissed",
		         session->core);
		session->closed = true;
	}
}

static void client_ready(struct sys_watch *watch)
{
	struct session *session = LIST_ENTRY(watch, struct session, client);
	_Alignas(8) unsigned char data[MESSAGE_MAX];
	struct sys_received got;

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
		if (result) {
			session->closed = true;
			return;
		}
		take_message(session, data, &got);
		sys_received_close(&got);
	}
}

static bool ended(const struct session *session)
{
	struct server *server = session->server;

	return session->closed || server->stopping ||
	       (server->draining && session->withdrawn && !session->activation_count &&
	        list_empty(&session->replies));
}

int session_turn(struct session *session)
{
	int error = sys_loop_run(session->loop, timers_next(&session->timers));

	if (session->server->draining && !session->withdrawn) {
		session->withdrawn = true;
		lanes_withdraw(session);
	}
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

void session_free(struct session *session)
{
	/* First: calls past us that are under way become activations by it. */
	retire_actions(session);
	/* Whoever waits is gone, or is told by the closing of its gate. */
	list_for_each(link, &session->activations)
		activation_drop(LIST_ENTRY(link, struct activation, link));
	creation_drop_all(session);
	list_for_each(link, &session->retired)
		pool_free(LIST_ENTRY(link, struct pool, link));
	while (!list_empty(&session->replies))
		free_reply(session, LIST_ENTRY(session->replies.next, struct reply, link));
	if (session->gate != SYS_NO_CAP) {
		sys_loop_unwatch(session->loop, &session->client);
		sys_cap_close(session->gate);
	}
	timers_deinit(&session->timers);
	sys_unmap(session->window, sizeof(*session->window));
	sys_loop_free(session->loop);
	free(session);
}

int session_make(struct server *server, unsigned core, struct session **ret, sys_cap *ret_gate,
                 sys_cap *ret_window)
{
	struct session *session = calloc(1, sizeof(*session));
	sys_cap gates[2] = {SYS_NO_CAP, SYS_NO_CAP}, window = SYS_NO_CAP;
	void *memory;

	if (!session)
		return -ENOMEM;
	session->server = server;
	session->core = core;
	session->gate = SYS_NO_CAP;
	session->client = (struct sys_watch){.ready = client_ready, .cap = SYS_NO_CAP};
	list_init(&session->link);
	list_init(&session->activations);
	list_init(&session->creations);
	list_init(&session->retired);
	list_init(&session->short_of_workers);
	list_init(&session->replies);
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
	server_session_ended(server, session);
	return NULL;
}

int session_new(struct server *server, unsigned core, sys_cap *ret_gate, sys_cap *ret_window)
{
	struct session *session;
	sys_cap gate, window;
	int error = session_make(server, core, &session, &gate, &window);

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
