#include "registry.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include <protocol/protocol.h>

#include "session.h"
#include "spaces.h"

/* Somebody at the door. */
struct visitor {
	struct list link;
	struct sys_watch gate;
	struct registry *registry;
	uint64_t patience_ns;
};

static void dismiss(struct visitor *visitor)
{
	sys_cap gate = visitor->gate.cap;

	sys_loop_unwatch(visitor->registry->server->loop, &visitor->gate);
	sys_gate_discard(gate);
	list_remove(&visitor->link);
	visitor->registry->knocking_count--;
	free(visitor);
}

/* Why @error, from making a session. */
static enum mett_reason refuse(struct server *server, int error, char *why)
{
	if (error == CORES_REFUSED) {
		fmt_format(why, METT_MESSAGE_MAX,
		           "all {} cores have a client; wait for one to leave, or run the server "
		           "with --core-policy share",
		           server->cores.count);
		return METT_NO_CORE;
	}
	if (error == -EUSERS) {
		fmt_format(why, METT_MESSAGE_MAX, "the server has {} clients, and takes no more",
		           server->config.clients_max);
		return METT_BUSY;
	}
	if (error == -ESHUTDOWN) {
		fmt_format(why, METT_MESSAGE_MAX, "the server is shutting down");
		return METT_GONE;
	}
	if (error == -EPROTO) {
		fmt_format(why, METT_MESSAGE_MAX,
		           "the server speaks protocol {}; use the libmett-eagle that came with it",
		           (int)PROTOCOL_VERSION);
		return METT_BAD_ARGUMENT;
	}
	fmt_format(why, METT_MESSAGE_MAX, "the server cannot make a session: {}; try later",
	           strerror(-error));
	return METT_NO_MEMORY;
}

static int make_session(struct server *server, struct session_facts *facts, sys_cap caps[2])
{
	int error;

	if (server->draining)
		return -ESHUTDOWN;
	if (server->session_count >= server->config.clients_max)
		return -EUSERS;
	error = cores_take(&server->cores, &facts->core);
	if (error)
		return error;
	error = session_new(server, facts, &caps[0], &caps[1]);
	if (error)
		cores_put(&server->cores, facts->core);
	return error;
}

/* Who it is and where it wants to be, which the server decides. */
static enum mett_reason identify(struct visitor *visitor, const struct message_register *message,
                                 struct session_facts *ret, char *why)
{
	struct server *server = visitor->registry->server;
	int error = message->version == PROTOCOL_VERSION
	                    ? sys_gate_peer(visitor->gate.cap, &ret->user)
	                    : -EPROTO;

	if (error)
		return refuse(server, error, why);
	if (!*message->space.text)
		return METT_OK;
	if (message_name_valid(&message->space))
		return spaces_enter(server, message->space.text, ret->user, &ret->space, why);
	fmt_format(why, METT_MESSAGE_MAX,
	           "that is no name of a namespace; use 1 to {} of A-Z a-z 0-9 . _ -",
	           (int)METT_NAME_MAX);
	return METT_BAD_ARGUMENT;
}

static void answer(struct visitor *visitor, const struct message_register *message)
{
	struct server *server = visitor->registry->server;
	struct {
		struct message_registered fixed;
		char text[METT_MESSAGE_MAX];
	} reply = {
		.fixed =
			{
				.header = {MESSAGE_REGISTERED, message->header.tag},
				.version = PROTOCOL_VERSION,
				.payload_max = server->config.payload_max,
			},
	};
	struct session_facts facts = {0};
	sys_cap caps[2];
	enum mett_reason reason = identify(visitor, message, &facts, reply.text);
	int error = reason ? 0 : make_session(server, &facts, caps);

	if (facts.space)
		spaces_release(facts.space);
	if (!reason && !error) {
		/* If this is not heard, the gate closes with it, and the session ends. */
		reply.fixed.core = facts.core;
		int sent = sys_gate_send(visitor->gate.cap, &reply, sizeof(reply.fixed), caps, 2);

		sys_cap_close(caps[0]);
		sys_cap_close(caps[1]);
		error = sent < 0 ? sent : 0;
	}
	if (error)
		reason = refuse(server, error, reply.text);
	if (!reason) {
		log_debug("client registered on core {}", reply.fixed.core);
		return;
	}
	reply.fixed.reason = reason;
	sys_gate_send(visitor->gate.cap, &reply, sizeof(reply.fixed) + strlen(reply.text), NULL, 0);
	log_info("client refused: {}", reply.text);
}

/* Of another version, and so perhaps of another size: nothing but that is known of it. */
static bool speaks_another(const void *data, size_t size)
{
	const struct message_register *message = data;

	return size >= offsetof(struct message_register, space) &&
	       message->header.type == MESSAGE_REGISTER && message->version != PROTOCOL_VERSION;
}

/* The gate it came by stays its own. */
static void answer_recorder(struct visitor *visitor, const struct message_record *message)
{
	struct server *server = visitor->registry->server;
	sys_cap gate = visitor->gate.cap;

	sys_loop_unwatch(server->loop, &visitor->gate);
	if (recorder_register(&server->recorder, gate, message))
		server_wake_sessions(server);
	else
		sys_gate_discard(gate);
}

static void visitor_ready(struct sys_watch *watch)
{
	struct visitor *visitor = LIST_ENTRY(watch, struct visitor, gate);
	_Alignas(8) unsigned char data[MESSAGE_MAX];
	size_t size;
	int result = sys_gate_hear(watch->cap, data, sizeof(data), &size);

	if (result == SYS_AGAIN)
		return;
	if (!result) {
		enum message_type type = message_check(data, size, 0, FROM_CLIENT);

		if (type == MESSAGE_REGISTER || speaks_another(data, size))
			answer(visitor, (void *)data);
		else if (type == MESSAGE_RECORD)
			answer_recorder(visitor, (void *)data);
	}
	dismiss(visitor);
}

static void admit(struct registry *registry, sys_cap gate)
{
	struct visitor *visitor = calloc(1, sizeof(*visitor));

	if (!visitor) {
		sys_gate_discard(gate);
		return;
	}
	if (registry->knocking_count >= REGISTRY_KNOCKING_MAX)
		dismiss(LIST_ENTRY(registry->knocking.next, struct visitor, link));
	visitor->gate = (struct sys_watch){.ready = visitor_ready, .cap = SYS_NO_CAP};
	visitor->registry = registry;
	visitor->patience_ns = sys_clock_ns() + REGISTRY_PATIENCE_MS * (uint64_t)1000000;
	list_init(&visitor->link);
	if (sys_loop_watch(registry->server->loop, &visitor->gate, gate)) {
		sys_gate_discard(gate);
		free(visitor);
		return;
	}
	list_append(&registry->knocking, &visitor->link);
	registry->knocking_count++;
}

/* Who stands there stays; to look again and again would only take a core. */
static void shut(struct registry *registry)
{
	sys_loop_unwatch(registry->server->loop, &registry->door);
	registry->pause_ns = sys_clock_ns() + REGISTRY_PAUSE_MS * (uint64_t)1000000;
}

static void door_ready(struct sys_watch *watch)
{
	struct registry *registry = LIST_ENTRY(watch, struct registry, door);
	sys_cap gate;
	int result = sys_gate_accept(watch->cap, &gate);

	if (result == 0)
		admit(registry, gate);
	else if (result < 0 && registry->knocking_count)
		/* Out of descriptors: those who only knock shall not keep others out. */
		dismiss(LIST_ENTRY(registry->knocking.next, struct visitor, link));
	else if (result < 0)
		shut(registry);
}

int registry_open(struct registry *registry, struct server *server, sys_cap door)
{
	*registry = (struct registry){
		.door = {.ready = door_ready, .cap = SYS_NO_CAP},
		.door_cap = door,
		.server = server,
	};
	list_init(&registry->knocking);
	return sys_loop_watch(server->loop, &registry->door, door);
}

void registry_close(struct registry *registry)
{
	sys_loop_unwatch(registry->server->loop, &registry->door);
	registry->pause_ns = 0;
	list_for_each(link, &registry->knocking)
		dismiss(LIST_ENTRY(link, struct visitor, link));
}

uint64_t registry_next(const struct registry *registry)
{
	/* While the door is shut nobody knocks. */
	if (registry->pause_ns || list_empty(&registry->knocking))
		return registry->pause_ns;
	return LIST_ENTRY(registry->knocking.next, struct visitor, link)->patience_ns;
}

void registry_expire(struct registry *registry, uint64_t now_ns)
{
	list_for_each(link, &registry->knocking) {
		struct visitor *visitor = LIST_ENTRY(link, struct visitor, link);

		if (visitor->patience_ns > now_ns)
			break;
		dismiss(visitor);
	}
	if (!registry->pause_ns || registry->pause_ns > now_ns)
		return;
	registry->pause_ns = 0;
	if (sys_loop_watch(registry->server->loop, &registry->door, registry->door_cap))
		shut(registry);
}
