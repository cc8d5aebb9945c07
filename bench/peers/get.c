#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "measure.h"

enum { PATIENCE_S = 10 };

static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
static int fd = -1;

static int begin(char **arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_S};

	if (strlen(arguments[0]) >= sizeof(address.sun_path))
		return complain(arguments[0], strerror(ENAMETOOLONG));
	strcpy(address.sun_path, arguments[0]);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return complain(arguments[0], strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return 0;
}

/* Whether the answer has come to its end, by its length or by its last chunk. */
static int is_whole(const char *answer, size_t size)
{
	const char *body = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, "\r\nContent-Length:");

	if (!body)
		return 0;
	body += 4;
	if (length && length < body)
		return size - (size_t)(body - answer) >= strtoul(length + 17, NULL, 10);
	return size >= 5 && !memcmp(answer + size - 5, "0\r\n\r\n", 5);
}

static int call(void)
{
	char answer[4096];
	size_t size = 0;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		return complain("send", strerror(errno));
	do {
		ssize_t got = recv(fd, answer + size, sizeof(answer) - 1 - size, 0);

		if (got <= 0)
			return complain("recv", got ? strerror(errno) : "connection closed");
		size += (size_t)got;
		answer[size] = 0;
	} while (!is_whole(answer, size));
	if (strncmp(answer, "HTTP/1.1 200 ", 13)) {
		answer[strcspn(answer, "\r")] = 0;
		return complain("the server answered", answer);
	}
	return 0;
}

static void end(void)
{
	if (fd >= 0)
		close(fd);
}

const struct way way_get = {"get", "SOCKET", 1, begin, call, end};
