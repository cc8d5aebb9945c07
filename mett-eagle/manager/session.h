#pragma once

/*
 * Session: the server's side of one client. Its thread, on the client's core,
 * runs one event loop for the client's gate, its workers and its zygotes; all
 * that hangs on a session belongs to that thread.
 */
#include <protocol/protocol.h>

#include "namespace.h"
#include "server.h"
#include "timers.h"

struct activation;
struct lane;
struct pool;
struct space;
struct worker;

struct session {
	struct list link; /* in the server's list, under its mutex */
	pthread_t thread;
	struct server *server;
	struct sys_loop *loop;
	unsigned core;
	struct sys_watch client; /* its gate */
	sys_cap gate;
	struct client_window *window;
	struct namespace namespace;
	struct timers timers;
	struct list activations; /* all that are under way */
	unsigned activation_count;
	unsigned client_count; /* of them, the client's own */
	struct list creations; /* actions whose zygotes are coming up */
	struct list retired;   /* pools that are no action's any more */
	struct list short_of_workers;
	struct list replies;   /* that could not be sent yet */
	struct timer unread;   /* until then it must take some */
	struct timer resend;   /* then they are tried again, where not for want of room */
	uint32_t user;         /* its client's, from the system */
	struct space *space;   /* it is in; NULL: what it has is its own */
	struct list fellows;   /* in the space's, under its mutex, with what is below */
	uint64_t seen;         /* of the space's changes */
	struct list jobs;      /* that it has ordered, under the archivist's mutex */
	unsigned job_count;    /* of them, those the client asked for */
	_Atomic int attention; /* somebody has something for it */
	struct ring ring;
	struct lane *lanes[WINDOW_LANES];
	unsigned lane_next; /* where to look for a free number first */
	uint32_t lane_generation;
	bool withdrawn; /* no lane is armed any more, as the server ends */
	bool closed;    /* the client is gone */
};

/**
 * struct session_facts - what a session is made with
 * @core:  its client's, which the session gives back
 * @user:  who the client is
 * @space: that it joins, which it holds too; NULL: none
 */
struct session_facts {
	unsigned core;
	uint32_t user;
	struct space *space;
};

/**
 * session_new() - begin to serve a client
 * @ret_gate:   the client's end of its gate; the caller's to close
 * @ret_window: the client's window; the caller's to close
 *
 * The session ends by itself when the client closes its gate, or the server stops.
 *
 * Return: 0 or a negative errno; the core is then still the caller's.
 */
int session_new(struct server *server, const struct session_facts *facts, sys_cap *ret_gate,
                sys_cap *ret_window);

/** session_make() - the session alone, without its thread; as session_new() */
int session_make(struct server *server, const struct session_facts *facts, struct session **ret,
                 sys_cap *ret_gate, sys_cap *ret_window);

/** session_turn() - wait for something to happen and handle it; 0 or a negative errno */
int session_turn(struct session *session);

/** session_free() - end all that is the session's, if its thread has not, which is gone */
void session_free(struct session *session);

/**
 * session_send() - send the client a message, or keep it until there is room
 * @cap: SYS_NO_CAP, or one the session holds; stays the caller's
 *
 * Return: 0, or a negative errno when it is @cap that cannot be sent now; then nothing is.
 */
int session_send(struct session *session, const void *data, size_t size, sys_cap cap);

/**
 * session_status() - answer a request of the client
 * @detail: number that goes with the reason, or of a version
 * @text:   has less than METT_MESSAGE_MAX bytes
 */
void session_status(struct session *session, uint32_t tag, enum mett_reason reason, int32_t detail,
                    const char *text);

/** session_attend() - have it look up, from any thread that keeps it from ending */
void session_attend(struct session *session);

/** session_note_reaped() - tell the client that an activation's worker is destroyed */
void session_note_reaped(struct session *session, uint64_t activation, uint64_t time_ns);
