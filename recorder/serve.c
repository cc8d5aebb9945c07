#include "serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>
#include <system/linux/door.h>
#include <system/loop.h>

#include "query.h"

enum { CONNECTIONS_MAX = 64 };

enum state {
	ASKED_NOTHING, /* its request is awaited */
	BUSY,          /* there are rows to look up */
	FULL,          /* it has to read first */
	FOLLOWS,       /* it has all there is */
	OVER,          /* to be freed */
};

struct connection {
	struct connection *next;
	int fd;
	uid_t user;
	enum state state;
	struct query query;
};

struct serve {
	struct door door;
	struct store *store;
	struct access *access;
	int epoll;
	struct connection *list; /* the newest first */
	unsigned count;
};

int serve_new(const char *path, unsigned mode, struct store *store, struct access *access,
              int epoll, struct serve **ret, char *why, size_t size)
{
	struct serve *serve = calloc(1, sizeof(*serve));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = serve};
	int error;

	if (!serve) {
		fmt_format(why, size, "no memory to listen at {}", path);
		return -ENOMEM;
	}
	serve->store = store;
	serve->access = access;
	serve->epoll = epoll;
	error = door_open(&serve->door, path, true, mode, why, size);
	if (error) {
		free(serve);
		return error;
	}
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, serve->door.gate, &event) < 0) {
		error = -errno;
		fmt_format(why, size, "cannot listen at {}: {}", path, strerror(errno));
		door_close(&serve->door);
		free(serve);
		return error;
	}
	*ret = serve;
	return 0;
}

static void watch(struct serve *serve, struct connection *connection, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = connection};

	if (epoll_ctl(serve->epoll, EPOLL_CTL_MOD, connection->fd, &event) < 0)
		connection->state = OVER;
}

static void hang_up(struct serve *serve, struct connection *connection)
{
	/* By itself it would leave only when it is closed, which may be later. */
	epoll_ctl(serve->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
	sys_gate_discard(connection->fd);
	free(connection);
	serve->count--;
}

static void sweep(struct serve *serve)
{
	struct connection **link = &serve->list;

	while (*link) {
		struct connection *connection = *link;

		if (connection->state != OVER) {
			link = &connection->next;
			continue;
		}
		*link = connection->next;
		hang_up(serve, connection);
	}
}

void serve_free(struct serve *serve)
{
	if (!serve)
		return;
	for (struct connection *each = serve->list; each; each = each->next)
		each->state = OVER;
	sweep(serve);
	door_close(&serve->door);
	free(serve);
}

/* Those who have been here longest make room, as a new one is more likely to be at it. */
static void make_room(struct serve *serve)
{
	struct connection *last = serve->list;

	if (serve->count < CONNECTIONS_MAX)
		return;
	while (last->next)
		last = last->next;
	last->state = OVER; /* freed when its events have been handled */
}

static void admit(struct serve *serve)
{
	struct connection *connection;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd;

	make_room(serve);
	fd = accept4(serve->door.gate, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	connection = calloc(1, sizeof(*connection));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	if (!connection || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    epoll_ctl(serve->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		sys_gate_discard(fd);
		free(connection);
		return;
	}
	*connection = (struct connection){.next = serve->list, .fd = fd, .user = peer.uid};
	serve->list = connection;
	serve->count++;
}

/* A line a message. -EAGAIN: it has to read first. */
static int send_line(void *context, const char *line, size_t size)
{
	struct connection *connection = context;
	struct iovec parts[] = {{(void *)line, size}, {"\n", 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	do
		sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -EPIPE;
}

/* The last word, when it is no good one. */
static void refuse(struct connection *connection, enum mett_reason reason, const char *why)
{
	json_t *line = json_pack("{s:{s:s,s:s}}", "error", "reason", mett_reason_name(reason),
	                         "message", why);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	/* Who has not even room for that sees that the connection ends without it. */
	if (text)
		send_line(connection, text, strlen(text));
	free(text);
	json_decref(line);
	connection->state = OVER;
}

static void take_request(struct serve *serve, struct connection *connection)
{
	char text[QUERY_MAX + 1], why[METT_MESSAGE_MAX];
	size_t size;
	int result = sys_gate_hear(connection->fd, text, sizeof(text), &size);
	enum mett_reason reason;

	if (result == SYS_AGAIN)
		return;
	if (result) {
		connection->state = OVER;
		return;
	}
	if (size > QUERY_MAX) {
		fmt_format(why, sizeof(why), "the request has {} bytes; at most {} are read",
		           (uint64_t)size, (int)QUERY_MAX);
		refuse(connection, METT_BAD_ARGUMENT, why);
		return;
	}
	reason = query_parse(&connection->query, text, size, why);
	if (reason)
		refuse(connection, reason, why);
	else
		connection->state = BUSY;
}

/* It has nothing more to say: whatever comes is its leaving. */
static void take_event(struct serve *serve, struct connection *connection, uint32_t events)
{
	if (connection->state == OVER)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		connection->state = OVER;
	else if (connection->state == ASKED_NOTHING)
		take_request(serve, connection);
	else if (connection->state == FULL && events & EPOLLOUT) {
		connection->state = BUSY;
		watch(serve, connection, EPOLLIN);
	} else if (events & EPOLLIN)
		connection->state = OVER;
}

void serve_ready(struct serve *serve, void *tag, uint32_t events)
{
	if (tag == serve)
		admit(serve);
	for (struct connection *each = serve->list; each; each = each->next)
		if (each == tag) {
			take_event(serve, each, events);
			break;
		}
}

void serve_stored(struct serve *serve)
{
	for (struct connection *each = serve->list; each; each = each->next)
		if (each->state == FOLLOWS)
			each->state = BUSY;
}

static void go_on(struct serve *serve, struct connection *connection)
{
	sqlite3 *database = store_database(serve->store);
	struct query *query = &connection->query;
	static const char end[] = "{\"end\":true}";
	char why[METT_MESSAGE_MAX];
	bool more = false;
	/* Each time, as who follows may be shown out meanwhile. */
	int64_t owner;
	enum mett_reason reason =
		access_check(serve->access, connection->user, query->name_space, &owner, why);
	int error = database ? 0 : -EIO;

	if (!reason && owner >= 0 &&
	    !store_owned(serve->store, query->name_space, (uint32_t)owner)) {
		fmt_format(why, sizeof(why), "the records of '{}' are a former owner's",
		           query->name_space);
		reason = METT_DENIED;
	}
	if (reason) {
		refuse(connection, reason, why);
		return;
	}
	if (!error && !query->placed)
		error = query_place(query, database);
	if (!error)
		error = query_step(query, database, send_line, connection, &more);
	if (!error && !more && !query->follow)
		error = send_line(connection, end, strlen(end));
	if (error == -EAGAIN) {
		connection->state = FULL;
		watch(serve, connection, EPOLLOUT);
	} else if (error == -EPIPE) {
		connection->state = OVER;
	} else if (error) {
		refuse(connection, error == -ENOMEM ? METT_NO_MEMORY : METT_NO_STATE,
		       "the records cannot be read now; see the recorder's log");
	} else if (!more) {
		connection->state = query->follow ? FOLLOWS : OVER;
	}
}

bool serve_turn(struct serve *serve)
{
	bool more = false;

	for (struct connection *each = serve->list; each; each = each->next) {
		if (each->state == BUSY)
			go_on(serve, each);
		more |= each->state == BUSY;
	}
	sweep(serve);
	return more;
}
