#include "test-server.h"

#include <test.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void test_server_init(struct test_server *server, void (*serve)(struct test_server *server))
{
	*server = (struct test_server){
		.registered = {.header.type = MESSAGE_REGISTERED,
	                       .version = PROTOCOL_VERSION,
	                       .reason = METT_OK,
	                       .core = 0,
	                       .payload_max = METT_PAYLOAD_MAX},
		.caps = 2,
		.window_size = sizeof(struct client_window),
		.serve = serve,
		.gate = SYS_NO_CAP,
		.times = {1, 2, 3, 4, 5, 6},
	};
}

static enum message_type take_from(struct test_server *server, sys_cap gate)
{
	int outcome;

	sys_received_close(&server->received);
	do {
		CHECK(sys_gate_wait(gate, 0, sys_clock_ns() + 30000000000) != SYS_AGAIN);
		outcome = sys_gate_recv(gate, server->message, sizeof(server->message),
		                        &server->received);
	} while (outcome == SYS_AGAIN);
	if (outcome == SYS_CLOSED)
		return MESSAGE_NONE;
	CHECK_EQ(outcome, 0);
	enum message_type type = message_check(server->message, server->received.size,
	                                       server->received.cap_count, FROM_CLIENT);
	CHECK(type != MESSAGE_NONE);
	return type;
}

static void register_one(struct test_server *server, int connection)
{
	const struct message_header *header = (const void *)server->message;
	struct {
		struct message_registered fixed;
		char text[METT_MESSAGE_MAX];
	} answer = {.fixed = server->registered};
	sys_cap gate[2] = {SYS_NO_CAP, SYS_NO_CAP}, window;
	size_t text_size = strlen(server->text);
	void *memory;

	CHECK_EQ(take_from(server, connection), MESSAGE_REGISTER);
	CHECK_EQ(((const struct message_register *)header)->version, PROTOCOL_VERSION);
	/* A tag that the test sets is one too many. */
	answer.fixed.header.tag += header->tag;
	memcpy(answer.text, server->text, text_size);
	CHECK_EQ(sys_gate_pair(gate), 0);
	if (server->send_room)
		CHECK_EQ(setsockopt(gate[1], SOL_SOCKET, SO_SNDBUF, &server->send_room,
		                    sizeof(server->send_room)),
		         0);
	CHECK_EQ(sys_dataspace_new("window", server->window_size, 0, &window), 0);
	CHECK_EQ(sys_map(window, server->window_size, 1, &memory), 0);
	server->window = memory;
	server->gate = gate[0];
	CHECK_EQ(sys_gate_send(connection, &answer, sizeof(answer.fixed) + text_size,
	                       (sys_cap[]){gate[1], window, window}, server->caps),
	         0);
	sys_cap_close(gate[1]);
	sys_cap_close(window);
}

void test_server_admit(struct test_server *server, int connection)
{
	register_one(server, connection);
	if (server->serve)
		server->serve(server);
	sys_received_close(&server->received);
	sys_unmap(server->window, server->window_size);
	sys_cap_close(server->gate);
	close(connection);
}

static void *run(void *argument)
{
	struct test_server *server = argument;
	int connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

	if (connection < 0)
		return NULL;
	if (!server->mute) {
		test_server_admit(server, connection);
		return NULL;
	}
	while (take_from(server, connection) != MESSAGE_NONE)
		;
	close(connection);
	return NULL;
}

void test_server_start(struct test_server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	server->joined = false;
	strcpy(server->directory, "/tmp/mett-test-XXXXXX");
	CHECK(mkdtemp(server->directory));
	snprintf(server->path, sizeof(server->path), "%s/socket", server->directory);
	strcpy(address.sun_path, server->path);
	server->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK(server->listener >= 0);
	CHECK_EQ(bind(server->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(server->listener, 8), 0);
	CHECK_EQ(pthread_create(&server->thread, NULL, run, server), 0);
}

void test_server_join(struct test_server *server)
{
	if (!server->joined)
		CHECK_EQ(pthread_join(server->thread, NULL), 0);
	server->joined = true;
}

void test_server_stop(struct test_server *server)
{
	/* Wakes accept, if nobody ever came. */
	shutdown(server->listener, SHUT_RDWR);
	test_server_join(server);
	close(server->listener);
	unlink(server->path);
	rmdir(server->directory);
}

enum message_type test_server_take(struct test_server *server)
{
	return take_from(server, server->gate);
}

void test_server_send(struct test_server *server, const void *data, size_t size, sys_cap cap)
{
	int outcome;

	while ((outcome = sys_gate_send(server->gate, data, size, &cap, cap != SYS_NO_CAP)) ==
	       SYS_AGAIN)
		sys_gate_wait(server->gate, 1, 0);
	/* The client may be gone: tests of its end of the story check that themselves. */
	CHECK(outcome == 0 || outcome == SYS_CLOSED);
}

void test_server_status(struct test_server *server, enum mett_reason reason, const char *text)
{
	struct {
		struct message_status fixed;
		char text[METT_MESSAGE_MAX];
	} answer = {.fixed = {.header = {MESSAGE_STATUS,
	                                 ((struct message_header *)server->message)->tag},
	                      .reason = reason,
	                      .detail = 7}};

	memcpy(answer.text, text, strlen(text));
	test_server_send(server, &answer, sizeof(answer.fixed) + strlen(text), SYS_NO_CAP);
}

void test_server_done(struct test_server *server, const struct message_invoke *invoke,
                      enum mett_reason reason, const void *answer, size_t size, const char *text,
                      const char *log)
{
	struct {
		struct message_done fixed;
		char rest[METT_MESSAGE_MAX + METT_LOG_TAIL_MAX];
	} done = {.fixed = {.header = {MESSAGE_DONE, invoke->header.tag},
	                    .slot = invoke->slot,
	                    .reason = reason,
	                    .detail = 7,
	                    .text_size = (uint16_t)strlen(text),
	                    .log_size = (uint16_t)strlen(log),
	                    .size = size,
	                    .activation = 1000 + invoke->header.tag,
	                    .times = server->times}};
	sys_cap large = SYS_NO_CAP;

	memcpy(done.rest, text, strlen(text));
	memcpy(done.rest + strlen(text), log, strlen(log));
	if (size > METT_INLINE_MAX)
		CHECK_EQ(mett_dataspace_fill("answer", answer, size, &large), 0);
	else
		memcpy(server->window->slot[invoke->slot].answer, answer, size);
	test_server_send(server, &done,
	                 sizeof(done.fixed) + done.fixed.text_size + done.fixed.log_size, large);
	sys_cap_close(large);
}
