/*
 * Both ways at once, as a program may write before it has read all.
 */
#include "private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	ROOM_LEAST = 64 << 10,
	ROOM_MOST = METT_PAYLOAD_MAX + 1, /* one more, so that too much is seen */
};

static void write_some(struct child *child, const char **data, size_t *size)
{
	ssize_t written = write(child->in, *data, *size);

	if (written > 0) {
		*data += written;
		*size -= (size_t)written;
	} else if (written < 0 && errno != EAGAIN && errno != EINTR) {
		*size = 0; /* it has closed its input: it has read what it wants */
	}
}

static bool make_room(struct buffer *buffer)
{
	size_t room = buffer->room ? buffer->room * 2 : ROOM_LEAST;

	if (buffer->size < buffer->room)
		return true;
	if (room > ROOM_MOST)
		room = ROOM_MOST;
	char *data = realloc(buffer->data, room);
	if (!data)
		return false;
	buffer->data = data;
	buffer->room = room;
	return true;
}

/* PUMP_DONE: there may be more; PUMP_ENDED: there is none. */
static enum pump_outcome read_some(struct child *child, struct buffer *buffer)
{
	if (buffer->size == ROOM_MOST)
		return PUMP_TOO_LARGE;
	if (!make_room(buffer))
		return PUMP_NO_MEMORY;
	ssize_t got = read(child->out, buffer->data + buffer->size, buffer->room - buffer->size);
	if (got > 0)
		buffer->size += (size_t)got;
	return got == 0 ? PUMP_ENDED : PUMP_DONE;
}

/* What it wrote before its end, and not what others may go on to write. */
static enum pump_outcome read_rest(struct child *child, struct buffer *buffer)
{
	int left = 0;

	ioctl(child->out, FIONREAD, &left);
	for (size_t end = buffer->size + (size_t)left; buffer->size < end;) {
		enum pump_outcome outcome = read_some(child, buffer);

		if (outcome)
			return outcome == PUMP_ENDED ? PUMP_DONE : outcome;
	}
	return PUMP_DONE;
}

static bool has_line(const struct buffer *buffer, size_t from)
{
	return buffer->size > from && memchr(buffer->data + from, '\n', buffer->size - from);
}

enum pump_outcome pump(struct child *child, const char *data, size_t size, bool line,
                       struct buffer *buffer)
{
	bool open = true, said = false;

	for (;;) {
		if (!size && !line && child->in >= 0) {
			close(child->in);
			child->in = -1;
		}
		struct pollfd ends[] = {
			{size ? child->in : -1, POLLOUT, 0},
			{open ? child->out : -1, POLLIN, 0},
			{child->handle, POLLIN, 0},
		};
		size_t before = buffer->size;
		enum pump_outcome outcome = PUMP_DONE;

		if (poll(ends, 3, -1) < 0)
			continue;
		if (ends[2].revents) {
			outcome = open ? read_rest(child, buffer) : PUMP_DONE;
			if (outcome || !line)
				return outcome;
			return said || has_line(buffer, before) ? PUMP_DONE : PUMP_ENDED;
		}
		if (ends[0].revents)
			write_some(child, &data, &size);
		if (ends[1].revents)
			outcome = read_some(child, buffer);
		if (outcome == PUMP_ENDED && !line) {
			open = false;
			outcome = PUMP_DONE;
		}
		said = said || (line && has_line(buffer, before));
		if (outcome || (said && !size))
			return outcome;
	}
}
