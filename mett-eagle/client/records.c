/*
 * Asking the recorder, see mett-recorder(8): one line of JSON goes there, and lines come back,
 * each a message of its own.
 */
#include <mett-eagle/records.h>
#include <mett-eagle/registry.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

enum { LINE_MAX_BYTES = 256 << 10, PATIENCE_MS = 5000 };

struct mett_records {
	int fd;
	char log[METT_RECORD_LOG_MAX + 1];
	char line[LINE_MAX_BYTES];
};

__attribute__((format(printf, 3, 4))) static int
fail(struct mett_error *error, enum mett_reason reason, const char *format, ...)
{
	struct mett_error made = {.reason = reason};
	va_list args;

	va_start(args, format);
	vsnprintf(made.message, sizeof(made.message), format, args);
	va_end(args);
	if (error)
		*error = made;
	return -mett_reason_errno(reason);
}

static int lost(struct mett_error *error, const char *what)
{
	return fail(error, METT_GONE, "the recorder %s; see its log", what);
}

static int find_path(const char *socket_path, char ret[static 108], struct mett_error *error)
{
	char path[108];

	if (!socket_path && mett_default_socket(path, sizeof(path)))
		return fail(error, METT_BAD_ARGUMENT,
		            "METT_SOCKET or XDG_RUNTIME_DIR is too long; a socket's path has at "
		            "most 107 bytes");
	if (snprintf(ret, 108, "%s.records", socket_path ? socket_path : path) >= 108)
		return fail(error, METT_BAD_ARGUMENT,
		            "the server's socket path is too long to have a recorder");
	return 0;
}

/* Returns the socket, or a negative errno with @error. */
static int connect_to(const char *path, struct mett_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {PATIENCE_MS / 1000, 0};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(error, METT_NO_MEMORY, "cannot make a socket: %s", strerror(errno));
	strcpy(address.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int why = errno;
	close(fd);
	if (why == EACCES || why == EPERM)
		return fail(error, METT_GONE,
		            "no recorder at '%s': permission denied; ask for access to it", path);
	return fail(error, METT_GONE, "no recorder at '%s': %s; start mett-recorder", path,
	            why == ENOENT ? "there is no such socket" : strerror(why));
}

static json_t *make_request(const struct mett_records_query *query)
{
	json_t *request =
		json_pack("{s:s,s:I,s:I,s:I,s:I,s:b,s:b,s:b}", "namespace", query->name_space, "id",
	                  (json_int_t)query->activation, "since_us", (json_int_t)query->since_us,
	                  "after", (json_int_t)query->after, "limit", (json_int_t)query->limit,
	                  "failed", query->failed, "wrote", query->wrote, "follow", query->follow);

	if (request && query->action &&
	    json_object_set_new(request, "action", json_string(query->action))) {
		json_decref(request);
		return NULL;
	}
	return request;
}

static int ask(int fd, const struct mett_records_query *query, struct mett_error *error)
{
	json_t *request = make_request(query);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	ssize_t sent = -1;

	json_decref(request);
	if (!text)
		return fail(error, METT_NO_MEMORY, "no memory here to ask for records");
	do
		sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	free(text);
	return sent < 0 ? lost(error, "does not take requests") : 0;
}

static int bad_name(struct mett_error *error, const char *kind, const char *name)
{
	return fail(error, METT_BAD_ARGUMENT,
	            "%s '%.*s': not a lawful name; use [A-Za-z0-9._-]{1,%d}", kind,
	            METT_NAME_MAX + 1, name ? name : "(null)", METT_NAME_MAX);
}

static int check(const struct mett_records_query *query, struct mett_error *error)
{
	const uint64_t most = INT64_MAX;

	if (!query)
		return fail(error, METT_BAD_ARGUMENT, "query is NULL");
	if (!mett_name_valid(query->name_space))
		return bad_name(error, "namespace", query->name_space);
	if (query->action && !mett_name_valid(query->action))
		return bad_name(error, "action", query->action);
	if (query->limit > METT_RECORDS_LIMIT_MAX || query->activation > most ||
	    query->since_us > most || query->after > most)
		return fail(error, METT_BAD_ARGUMENT,
		            "a number is too large; of rows ask for at most %d",
		            METT_RECORDS_LIMIT_MAX);
	return 0;
}

int mett_records_open(const char *socket_path, const struct mett_records_query *query,
                      struct mett_records **ret, struct mett_error *error)
{
	struct mett_records *records;
	char path[108];
	int failure = check(query, error), fd;

	if (!failure && !ret)
		failure = fail(error, METT_BAD_ARGUMENT, "ret is NULL");
	if (!failure)
		failure = find_path(socket_path, path, error);
	if (failure)
		return failure;
	fd = connect_to(path, error);
	if (fd < 0)
		return fd;
	failure = ask(fd, query, error);
	records = failure ? NULL : calloc(1, sizeof(*records));
	if (!records) {
		close(fd);
		return failure ? failure
		               : fail(error, METT_NO_MEMORY, "no memory here for records");
	}
	records->fd = fd;
	*ret = records;
	if (error)
		*error = (struct mett_error){0};
	return 0;
}

void mett_records_close(struct mett_records *records)
{
	if (!records)
		return;
	close(records->fd);
	free(records);
}

int mett_records_fd(const struct mett_records *records)
{
	return records ? records->fd : -EINVAL;
}

static uint64_t number_in(const json_t *row, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(row, key));
}

static void copy_name(char ret[METT_NAME_MAX + 1], const json_t *row, const char *key)
{
	const char *name = json_string_value(json_object_get(row, key));

	snprintf(ret, METT_NAME_MAX + 1, "%s", name ? name : "");
}

static enum mett_reason reason_in(const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "reason"));

	for (unsigned i = 0; name && i < METT_REASON_COUNT; i++)
		if (!strcmp(name, mett_reason_name(i)))
			return i;
	return METT_PROTOCOL;
}

/* Under its key as text, or else each byte as a character; returns the number of bytes. */
static size_t copy_bytes(char *ret, size_t room, const json_t *row, const char *key)
{
	char other[32];
	const json_t *value = json_object_get(row, key);
	bool plain = value != NULL;
	size_t count = 0;

	snprintf(other, sizeof(other), "%s_bytes", key);
	if (!value)
		value = json_object_get(row, other);
	const unsigned char *text = (const unsigned char *)json_string_value(value);
	size_t size = text ? json_string_length(value) : 0;
	for (size_t i = 0; i < size && count < room - 1; i++) {
		/* Two bytes of UTF-8 each, as there are no larger characters than 255. */
		bool pair = !plain && text[i] >= 0xc0 && i + 1 < size;

		ret[count++] = (char)(pair ? text[i] << 6 | (text[i + 1] & 0x3f) : text[i]);
		i += pair;
	}
	ret[count] = 0;
	return count;
}

static void take_times(struct mett_metadata *ret, const json_t *times)
{
	uint64_t *to[] = {&ret->start_worker, &ret->start_runtime, &ret->start_function,
	                  &ret->end_function, &ret->end_runtime,   &ret->end_worker};

	for (unsigned i = 0; i < 6; i++)
		*to[i] = (uint64_t)json_integer_value(json_array_get(times, i));
}

static void take_row(struct mett_records *records, const json_t *row, struct mett_record *ret)
{
	*ret = (struct mett_record){
		.number = number_in(row, "number"),
		.activation = number_in(row, "id"),
		.calls = number_in(row, "calls"),
		.version = (uint32_t)number_in(row, "version"),
		.parent = number_in(row, "parent"),
		.depth = (uint32_t)number_in(row, "depth"),
		.begin_us = number_in(row, "begin_us"),
		.memory = number_in(row, "memory"),
		.log = records->log,
		.error = {.reason = reason_in(row), .detail = (int32_t)number_in(row, "detail")},
	};
	copy_name(ret->action, row, "action");
	copy_name(ret->caller, row, "caller");
	copy_bytes(ret->error.message, sizeof(ret->error.message), row, "error");
	ret->log_size = copy_bytes(records->log, sizeof(records->log), row, "log");
	take_times(&ret->times, json_object_get(row, "times"));
}

static int take_line(struct mett_records *records, size_t size, struct mett_record *ret,
                     struct mett_error *error)
{
	json_t *row = json_loadb(records->line, size, JSON_ALLOW_NUL, NULL);
	const json_t *refusal = json_object_get(row, "error");
	const char *text = json_string_value(json_object_get(refusal, "message"));
	int result;

	if (json_is_object(refusal)) {
		result = fail(error, reason_in(refusal), "%s", text ? text : "");
	} else if (json_is_true(json_object_get(row, "end"))) {
		result = METT_RECORDS_END;
	} else if (json_is_integer(json_object_get(row, "number"))) {
		take_row(records, row, ret);
		result = METT_RECORDS_ROW;
	} else {
		result = lost(error, "does not speak our protocol");
	}
	json_decref(row);
	return result;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Returns whether there is something to read in time. */
static bool wait_readable(int fd, int64_t timeout_us)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	uint64_t until = now_us() + (uint64_t)timeout_us;

	for (;;) {
		uint64_t now = now_us(), left = until > now ? until - now : 0;
		struct timespec rest = {(time_t)(left / 1000000), (long)(left % 1000000) * 1000};
		int ready = ppoll(&readable, 1, timeout_us < 0 ? NULL : &rest, NULL);

		if (ready >= 0 || errno != EINTR)
			return ready > 0;
	}
}

int mett_records_next(struct mett_records *records, int64_t timeout_us, struct mett_record *ret,
                      struct mett_error *error)
{
	ssize_t size;

	if (!records || !ret)
		return fail(error, METT_BAD_ARGUMENT, "records or ret is NULL");
	if (!wait_readable(records->fd, timeout_us))
		return METT_RECORDS_NONE;
	size = recv(records->fd, records->line, sizeof(records->line), MSG_DONTWAIT | MSG_TRUNC);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return METT_RECORDS_NONE;
	if (size <= 0)
		return lost(error, "hung up");
	if ((size_t)size > sizeof(records->line))
		return lost(error, "sent a line that is too long");
	return take_line(records, (size_t)size, ret, error);
}
