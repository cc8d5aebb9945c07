#pragma once

/*
 * Server: what all sessions share. Its main thread runs the registry; each
 * session has a thread of its own.
 */
#include <liballoc/cap.h>

#include <mett-eagle/base.h>

#include <system/sandbox.h>
#include <system/store.h>

#include "cores.h"
#include "list.h"
#include "recorder.h"

/**
 * struct server_config - what the operator decides
 * @core_numbers: cores for clients
 * @core_count:   their number, 1 to CORES_MAX
 * @core_policy:  what happens when all have a client
 * @payload_max:  bytes of an argument or answer, up to METT_PAYLOAD_MAX
 * @parked:       workers kept ready for an action that is in use
 * @parked_max:   the same, for one that uses them up faster than they are made
 * @clients_max:  clients at the same time
 * @drain_ns:     how long activations under way may take to end at a shutdown
 * @store:        what is to outlive the server; stays the caller's; NULL: nothing does
 * @quota:        of namespaces that were given none of their own
 * @no_store:     why there is none, for people; "": because the operator wants none
 */
struct server_config {
	unsigned core_numbers[CORES_MAX];
	unsigned core_count;
	enum cores_policy core_policy;
	uint64_t payload_max;
	unsigned parked;
	unsigned parked_max;
	unsigned clients_max;
	uint64_t drain_ns;
	struct mett_quota quota;
	struct sys_store *store;
	char no_store[METT_MESSAGE_MAX];
};

struct archivist;
struct spaces;

struct server {
	struct server_config config;
	struct sys_host *host;
	struct sys_loop *loop; /* of the main thread */
	struct cores cores;
	struct cap_allocator *caps;
	struct recorder recorder;
	struct spaces *spaces;
	struct archivist *archivist;
	pthread_mutex_t mutex; /* for what is below */
	struct list sessions;
	struct list ended; /* sessions whose threads are about to end */
	unsigned session_count;
	_Atomic uint64_t activations; /* counter, for their ids */
	uint64_t drain_until_ns;      /* main thread's, as the next one */
	uint64_t stop_until_ns;
	_Atomic int draining; /* no new invocation is taken */
	_Atomic int stopping; /* sessions end now, whatever they do */
};

/**
 * server_init() - make the server
 * @config: copied
 * @host:   stays the caller's
 *
 * Return: 0 or a negative errno.
 */
int server_init(struct server *server, const struct server_config *config, struct sys_host *host);

/** server_deinit() - after server_run(); all sessions are gone */
void server_deinit(struct server *server);

/**
 * server_run() - serve until told to stop
 * @door: what clients knock at, see sys_gate_accept(); stays the caller's
 *
 * Return: 0 when it ended as told; -ETIMEDOUT when there are sessions that do not end: all must
 * stay as it is then until the process ends; or another negative errno.
 */
int server_run(struct server *server, sys_cap door);

/**
 * server_stop() - take no more invocations, and end when those under way have
 *
 * The second time: end at once. From a handler of the main thread's loop.
 */
void server_stop(struct server *server);

/** server_wake_sessions() - have all of them look at what has changed */
void server_wake_sessions(struct server *server);

/** server_keep() - hold a capability that just came; 0, or a negative errno and it is closed */
int server_keep(struct server *server, sys_cap cap);

/** server_drop() - let go of one holder's share of it; SYS_NO_CAP is fine */
void server_drop(struct server *server, sys_cap cap);

struct session;

/** server_session_begins() - a session is there, and its thread will be */
void server_session_begins(struct server *server, struct session *session);

/** server_session_forget() - it is not, after all; the core is the caller's */
void server_session_forget(struct server *server, struct session *session);

/** server_session_ends() - nobody shall wake it any more */
void server_session_ends(struct server *server, struct session *session);

/** server_session_ended() - last words of a session's thread; the main thread frees it */
void server_session_ended(struct server *server, struct session *session);
