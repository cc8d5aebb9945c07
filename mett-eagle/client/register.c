#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const uint64_t patience_ns = 5000000000;

static int no_connection(const char *path, int error, struct mett_error *ret)
{
	const char *why;

	switch (error) {
	case ENOENT:
		why = "there is no such socket; start mett-eagle, or name its socket in "
		      "METT_SOCKET";
		break;
	case ECONNREFUSED:
		why = "nobody listens there; start mett-eagle";
		break;
	case EACCES:
	case EPERM:
		why = "permission denied; ask for access to the socket and its directories";
		break;
	case EPROTOTYPE:
		why = "a socket of another program; name the server's in METT_SOCKET";
		break;
	case EAGAIN:
		why = "it lets nobody in within 5 s; see what keeps it busy";
		break;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return mett_error_set(ret, METT_NO_MEMORY, 0, "cannot make a socket: %s",
		                      strerror(error));
	default:
		why = strerror(error);
	}
	return mett_error_set(ret, METT_GONE, 0, "no server at '%.107s': %s", path, why);
}

static int set_patience(int fd, uint64_t deadline_ns)
{
	uint64_t now = sys_clock_ns();
	uint64_t left_us = deadline_ns > now ? (deadline_ns - now) / 1000 + 1 : 1;
	struct timeval left = {(time_t)(left_us / 1000000), (suseconds_t)(left_us % 1000000)};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
}

/* Returns the socket or a negative errno with @error. */
static int connect_to(const char *path, uint64_t deadline_ns, struct mett_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd, outcome;

	if (!length || length >= sizeof(address.sun_path))
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "socket path '%.64s%s' has %zu bytes; give one of 1 to %zu",
		                      path, length > 64 ? "..." : "", length,
		                      sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return no_connection(path, errno, error);
	do {
		set_patience(fd, deadline_ns);
		outcome = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	} while (outcome < 0 && errno == EINTR);
	if (outcome < 0) {
		outcome = errno;
		close(fd);
		return no_connection(path, outcome, error);
	}
	return fd;
}

/* Ask to be registered; the answer is in the client's `message` then. */
static int converse(struct mett_client *client, int fd, const char *path, const char *space,
                    uint64_t deadline_ns, struct sys_received *received, struct mett_error *error)
{
	struct message_register question = {
		.header = {MESSAGE_REGISTER, mett_client_tag(client)},
		.version = PROTOCOL_VERSION,
	};
	const char *why = "does not answer within 5 s";

	message_name_set(&question.space, space ? space : "");
	int outcome = sys_gate_send(fd, &question, sizeof(question), NULL, 0);

	while (!outcome) {
		outcome = sys_gate_wait(fd, 0, deadline_ns);
		if (!outcome)
			outcome = sys_gate_recv(fd, client->message, MESSAGE_MAX, received);
		if (!outcome)
			return 0;
		if (outcome == -EINTR)
			outcome = 0;
	}
	if (outcome == SYS_CLOSED)
		why = "hung up during registration";
	else if (outcome == SYS_REFUSED)
		why = "sent a message that was cut off (descriptors used up here?)";
	else if (outcome < 0)
		why = strerror(-outcome);
	return mett_error_set(error, METT_GONE, 0, "server at '%.107s': %s; see its log", path,
	                      why);
}

/* Shorter than it must be, or able to become so, it would kill who touches it. */
void *mett_window_map(sys_cap cap, size_t size)
{
	struct stat status;
	int seals = fcntl(cap, F_GET_SEALS);
	void *memory;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(cap, &status) < 0 ||
	    (uint64_t)status.st_size < size || sys_map(cap, size, 1, &memory) < 0)
		return NULL;
	return memory;
}

static int judge_answer(struct mett_client *client, const char *path,
                        const struct sys_received *received, struct mett_error *error)
{
	const struct message_registered *answer = (const void *)client->message;

	if (message_check(answer, received->size, received->cap_count, FROM_SERVER) !=
	            MESSAGE_REGISTERED ||
	    answer->header.tag != client->last_tag || answer->reason >= METT_REASON_COUNT)
		return mett_error_set(error, METT_GONE, 0,
		                      "server at '%.107s' does not speak our protocol; name the "
		                      "right socket in METT_SOCKET",
		                      path);
	if (answer->version != PROTOCOL_VERSION)
		return mett_error_set(error, METT_GONE, 0,
		                      "server at '%.107s' speaks version %u of the protocol, this "
		                      "program %d; install both from one release",
		                      path, answer->version, PROTOCOL_VERSION);
	if (answer->reason != METT_OK)
		return mett_error_take(error, answer->reason, 0, (const char *)(answer + 1),
		                       received->size - sizeof(*answer));
	if (received->cap_count == 2)
		client->window = mett_window_map(received->caps[1], sizeof(*client->window));
	if (!client->window)
		return mett_error_set(error, METT_GONE, 0,
		                      "server at '%.107s' gave no gate and window; see its log",
		                      path);
	client->core = answer->core;
	client->payload_max = answer->payload_max;
	return 0;
}

static int fit_out(struct mett_client *client, struct sys_received *received,
                   struct mett_error *error)
{
	struct epoll_event readable = {.events = EPOLLIN};
	int outcome = 0;

	client->gate = received->caps[0];
	received->caps[0] = SYS_NO_CAP;
	client->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	client->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (client->event < 0 || client->poll_fd < 0 ||
	    epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->gate, &readable) < 0 ||
	    epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->event, &readable) < 0)
		outcome = -errno;
	if (outcome)
		return mett_error_set(error, METT_NO_MEMORY, 0,
		                      "cannot set up the connection to the server: %s",
		                      strerror(-outcome));
	return 0;
}

static int join(struct mett_client *client, const char *path, const char *space,
                struct mett_error *error)
{
	uint64_t deadline_ns = sys_clock_ns() + patience_ns;
	struct sys_received received = {0};
	int fd = connect_to(path, deadline_ns, error), failure;

	if (fd < 0)
		return fd;
	failure = converse(client, fd, path, space, deadline_ns, &received, error);
	close(fd);
	if (!failure)
		failure = judge_answer(client, path, &received, error);
	if (!failure)
		failure = fit_out(client, &received, error);
	sys_received_close(&received);
	return failure;
}

int mett_register_client(const char *socket_path, struct mett_client **ret,
                         struct mett_error *error)
{
	return mett_register_namespace(socket_path, NULL, ret, error);
}

int mett_register_namespace(const char *socket_path, const char *name, struct mett_client **ret,
                            struct mett_error *error)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct mett_client *client;
	int failure;

	if (!ret)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0, "ret is NULL");
	failure = name ? mett_space_check(name, error) : 0;
	if (failure)
		return failure;
	if (!socket_path) {
		if (mett_default_socket(path, sizeof(path)) < 0)
			return mett_error_set(error, METT_BAD_ARGUMENT, 0,
			                      "METT_SOCKET or XDG_RUNTIME_DIR is too long; a "
			                      "socket's path has at most %zu bytes",
			                      sizeof(path) - 1);
		socket_path = path;
	}
	client = calloc(1, sizeof(*client));
	if (!client)
		return mett_error_set(error, METT_NO_MEMORY, 0, "no memory here for a client");
	client->gate = client->event = client->poll_fd = SYS_NO_CAP;
	failure = join(client, socket_path, name, error);
	if (failure) {
		mett_client_free(client);
		return failure;
	}
	*ret = client;
	return mett_error_clear(error);
}

void mett_client_free(struct mett_client *client)
{
	if (!client)
		return;
	for (unsigned i = 0; i < METT_IN_FLIGHT_MAX; i++)
		if (client->slots[i].tag && client->slots[i].done)
			mett_result_deinit(&client->slots[i].result);
	sys_cap_close(client->poll_fd);
	sys_cap_close(client->event);
	sys_cap_close(client->gate);
	mett_lanes_free(client);
	sys_unmap(client->window, sizeof(*client->window));
	free(client);
}

unsigned mett_client_core(const struct mett_client *client)
{
	return client ? client->core : 0;
}

int mett_client_fd(const struct mett_client *client)
{
	return client ? client->poll_fd : -EINVAL;
}
