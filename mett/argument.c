#include "argument.h"

#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM_MIN = 64 << 10 };

/* Up to one byte more than any server takes; a negative errno. */
static int read_all(int fd, char **ret, size_t *ret_size)
{
	size_t size = 0, room = ROOM_MIN;
	char *data = text_need(malloc(room + 1));

	while (size <= METT_PAYLOAD_MAX) {
		ssize_t got = read(fd, data + size, room - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(data);
			return -errno;
		}
		if (got == 0)
			break;
		size += (size_t)got;
		if (size == room)
			data = text_need(realloc(data, (room *= 2) + 1));
	}
	data[size] = 0;
	*ret = data;
	*ret_size = size;
	return 0;
}

int argument_read(const char *path, char **ret, size_t *ret_size)
{
	size_t size = 0;
	char *data = NULL;
	bool input = !strcmp(path, "-");
	int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : read_all(fd, &data, &size);

	if (!input && fd >= 0)
		close(fd);
	if (error) {
		say("cannot read %s%s%s: %s", input ? "the standard input" : "'", input ? "" : path,
		    input ? "" : "'", strerror(-error));
		return STATUS_REFUSED;
	}
	if (size > METT_PAYLOAD_MAX) {
		free(data);
		say("%s%s%s has more than %d bytes, the most that an argument can have",
		    input ? "the standard input" : "'", input ? "" : path, input ? "" : "'",
		    METT_PAYLOAD_MAX);
		return STATUS_REFUSED;
	}
	*ret = data;
	*ret_size = size;
	return STATUS_GOOD;
}
