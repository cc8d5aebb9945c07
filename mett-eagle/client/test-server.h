#pragma once

/*
 * A server for tests, as a thread: it registers one client as told and then does
 * what the test says. A check that fails in it ends the whole test.
 */
#include "private.h"

#include <pthread.h>

struct test_server {
	/* What it answers to REGISTER; see test_server_init() for what is lawful. */
	struct message_registered registered;
	char text[METT_MESSAGE_MAX];
	unsigned caps;
	size_t window_size;
	bool mute;                                 /* accepts and says nothing */
	void (*serve)(struct test_server *server); /* then; the gate is closed when it returns */

	char directory[64], path[96];
	int listener;
	bool joined;
	pthread_t thread;
	sys_cap gate;
	int send_room; /* of the client's end, in bytes; 0: as usual */
	struct client_window *window;
	struct mett_metadata times; /* of each answer */

	/* The message taken last. */
	_Alignas(8) unsigned char message[MESSAGE_MAX];
	struct sys_received received;
};

/** test_server_init() - a lawful server that calls @serve; change what the test needs */
void test_server_init(struct test_server *server, void (*serve)(struct test_server *server));

/** test_server_admit() - register who is at @connection, serve it until the end, close all */
void test_server_admit(struct test_server *server, int connection);

/** test_server_start() - listen; clients can connect when this returns */
void test_server_start(struct test_server *server);

/** test_server_join() - wait until the server has ended */
void test_server_join(struct test_server *server);

/** test_server_stop() - the same, whether or not somebody came, and tidy up */
void test_server_stop(struct test_server *server);

/** test_server_take() - wait for one message; MESSAGE_NONE when the client has left */
enum message_type test_server_take(struct test_server *server);

/** test_server_send() - send one message, waiting for room */
void test_server_send(struct test_server *server, const void *data, size_t size, sys_cap cap);

/** test_server_status() - answer the request taken last */
void test_server_status(struct test_server *server, enum mett_reason reason, const char *text);

/** test_server_done() - answer an invocation; an answer above METT_INLINE_MAX as a dataspace */
void test_server_done(struct test_server *server, const struct message_invoke *invoke,
                      enum mett_reason reason, const void *answer, size_t size, const char *text,
                      const char *log);
