/*
 * Clients that send what its last holder cannot close at once: here a socket that lingers,
 * as its peer does not read. Nobody but who sent it may have to wait for that.
 */
#include "gate.h"
#include "recorder.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINGER_S = 300, MESSAGE_SIZE = 16 };

static struct server server;
static int peer; /* of all that linger; never read from */

static void connect_to(int fd, struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(door >= 0);
	CHECK_EQ(bind(door, (struct sockaddr *)address, sizeof(*address)), 0);
	CHECK_EQ(listen(door, 1), 0);
	CHECK_EQ(getsockname(door, (struct sockaddr *)address, &size), 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	peer = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	CHECK(peer >= 0);
	close(door);
}

/* To close it takes LINGER_S, or until its peer is closed. */
static sys_cap make_slow(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct linger linger = {1, LINGER_S};
	static char data[64 << 10];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	connect_to(fd, &address);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	return fd;
}

/* It is the receiver's alone by the time that that looks. */
static void hand_over(sys_cap end, const void *data, size_t size)
{
	sys_cap slow = make_slow();

	CHECK_EQ(sys_gate_send(end, data, size, &slow, 1), 0);
	close(slow);
}

/* What is sent from here on waits; all its threads stand still. */
static void hold(pid_t pid)
{
	int status;

	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
}

static void start(void)
{
	server_start(&server, "--drain-timeout 100");
}

static void others_are_served(void)
{
	struct mett_client *other = join(&server);

	deploy(other, "echo", NULL);
	EXPECT_ANSWER(other, "echo", "hello", "hello");
	mett_client_free(other);
}

static void stop(void)
{
	others_are_served();
	server_stop(&server);
	close(peer);
}

TEST(who_knocks_with_it)
{
	char data[MESSAGE_SIZE] = "anything";

	start();
	hold(server.pid);
	sys_cap end_of_gate = gate_knock(&server);
	hand_over(end_of_gate, data, sizeof(data));
	kill(server.pid, SIGCONT);
	stop();
	close(end_of_gate);
}

/* What it says first is no word at all, and so looks like the end. */
TEST(who_has_it_behind_something_else)
{
	char data[MESSAGE_SIZE] = "anything";

	for (size_t size = 0; size <= sizeof(data); size += sizeof(data)) {
		start();
		hold(server.pid);
		sys_cap end_of_gate = gate_knock(&server);
		CHECK_EQ(sys_gate_send(end_of_gate, data, size, NULL, 0), 0);
		hand_over(end_of_gate, data, size);
		kill(server.pid, SIGCONT);
		stop();
		close(end_of_gate);
	}
}

TEST(who_leaves_it_in_a_session)
{
	char data[MESSAGE_SIZE] = "anything";
	struct gate gate;

	start();
	gate_open(&gate, &server, "");
	hold(server.pid);
	CHECK_EQ(gate_send(&gate, data, sizeof(data), NULL, 0), 0);
	hand_over(gate.end, data, sizeof(data));
	kill(server.pid, SIGCONT);
	stop();
	gate_close(&gate);
}

/* Nobody opens to the second, as the server ends. */
TEST(who_stands_at_the_door_with_it_to_the_end)
{
	char data[MESSAGE_SIZE] = "anything";
	sys_cap ends[2];

	start();
	hold(server.pid);
	for (unsigned i = 0; i < 2; i++)
		ends[i] = gate_knock(&server);
	hand_over(ends[1], data, sizeof(data));
	kill(server.pid, SIGTERM);
	kill(server.pid, SIGCONT);
	CHECK_EQ(server_wait(&server), 0);
	for (unsigned i = 0; i < 2; i++)
		close(ends[i]);
	close(peer);
}

/* Its thread takes it, and cannot go on: with the server it ends all the same. */
TEST(whose_session_does_not_end)
{
	struct message_list message = {.header = {MESSAGE_LIST, 1}};
	struct gate gate;
	int status;

	start();
	gate_open(&gate, &server, "");
	hold(server.pid);
	hand_over(gate.end, &message, sizeof(message));
	kill(server.pid, SIGCONT);
	others_are_served();
	kill(server.pid, SIGTERM);
	status = server_wait(&server);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 1);
	gate_close(&gate);
	close(peer);
}

/* @first is a message without it; of no bytes: there is none. */
static void trouble_recorder(const struct recorder *recorder, size_t first)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char data[MESSAGE_SIZE] = "anything";
	sys_cap end_of_gate = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(end_of_gate >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s.records", server.socket);
	hold(recorder->pid);
	CHECK_EQ(connect(end_of_gate, (struct sockaddr *)&address, sizeof(address)), 0);
	if (first)
		CHECK_EQ(sys_gate_send(end_of_gate, data, first, NULL, 0), 0);
	hand_over(end_of_gate, data, sizeof(data));
	kill(recorder->pid, SIGCONT);
	close(end_of_gate);
}

TEST(who_asks_a_recorder_with_it)
{
	struct mett_records_query query = {.name_space = recorder_home()};
	struct recorder recorder;

	for (size_t first = 0; first <= MESSAGE_SIZE; first += MESSAGE_SIZE) {
		start();
		recorder_start(&recorder, &server, "");
		trouble_recorder(&recorder, first);
		CHECK_EQ(recorder_rows(&server, &query, NULL, NULL, 0), 0);
		recorder_stop(&recorder);
		recorder_remove(&recorder);
		server_stop(&server);
		close(peer);
	}
}
