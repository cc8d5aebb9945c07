/*
 * played-server SOCKET - a server for tests of the client program: it answers
 * each invocation at once, as the argument says:
 *
 *	fail NAME   every second one fails, for the reason of that number
 *	disorder    with times that contradict each other
 *	gone        by leaving
 *	slow        after 20 ms
 *	otherwise   with the argument as its answer
 */
#include "client/test-server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <test.h>

static void answer(struct test_server *server, const struct message_invoke *invoke, unsigned number)
{
	const char *argument = (const char *)server->window->slot[invoke->slot].argument;
	char text[64] = "";
	unsigned reason;
	uint64_t start = sys_clock_ns();
	struct mett_metadata times = {start,        start + 1000, start + 2000,
	                              start + 3000, start + 4000, start + 5000};

	memcpy(text, argument, invoke->size < 63 ? invoke->size : 63);
	while (sys_clock_ns() < times.end_worker)
		;
	server->times = times;
	if (!strcmp(text, "slow"))
		usleep(20000);
	if (!strcmp(text, "disorder"))
		server->times.end_worker = start;
	if (!strcmp(text, "gone"))
		_exit(0);
	if (sscanf(text, "fail %u", &reason) == 1 && number % 2) {
		test_server_done(server, invoke, reason, "", 0, "played failure", "");
		return;
	}
	test_server_done(server, invoke, METT_OK, text, invoke->size, "", "");
	uint64_t row = server->window->reaped_count;
	server->window->reaped[row % WINDOW_REAPED].activation = 1000 + invoke->header.tag;
	server->window->reaped[row % WINDOW_REAPED].time_ns = sys_clock_ns();
	server->window->reaped_count = row + 1;
}

static void serve(struct test_server *server)
{
	enum message_type type;
	unsigned number = 0;

	while ((type = test_server_take(server)) != MESSAGE_NONE) {
		struct message_invoke invoke = *(struct message_invoke *)server->message;

		if (type == MESSAGE_INVOKE)
			answer(server, &invoke, number++);
		else
			test_server_status(server, METT_OK, "");
	}
}

static void *serve_connection(void *argument)
{
	struct test_server *server = malloc(sizeof(*server));

	CHECK(server);
	test_server_init(server, serve);
	test_server_admit(server, (int)(intptr_t)argument);
	free(server);
	return NULL;
}

/* In place of the harness, which would bring a main() along. */
void test_fail(const char *file, int line, const char *format, ...)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, format);
	_exit(90);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), connection;

	strncpy(address.sun_path, argv[1], sizeof(address.sun_path) - 1);
	CHECK_EQ(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(listener, 64), 0);
	puts("ready");
	fflush(stdout);
	while ((connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		pthread_t thread;

		CHECK_EQ(pthread_create(&thread, NULL, serve_connection,
		                        (void *)(intptr_t)connection),
		         0);
		pthread_detach(thread);
	}
	return 1;
}
