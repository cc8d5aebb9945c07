#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1024 };

/* Long texts are made twice: first to see that all is right, then to go out. */
static int run(struct fmt_writer *w, const char *format, const struct fmt_arg *args, size_t count)
{
	int r = fmt_vput(w, format, args, count);

	if (r < 0)
		return r;
	if (w->drain && w->used > 0 && !w->error)
		w->error = w->drain(w->target, w->buffer, w->used);
	if (w->error)
		return w->error;
	return w->length > INT_MAX ? -EOVERFLOW : (int)w->length;
}

int fmt_vformat(char *buf, size_t size, const char *format, const struct fmt_arg *args,
                size_t count)
{
	struct fmt_writer w = {.buffer = buf, .size = size ? size - 1 : 0};
	int r = run(&w, format, args, count);

	if (size > 0)
		buf[r < 0 ? 0 : w.used] = 0;
	return r;
}

int fmt_vcheck(struct fmt_error *ret, const char *format, const struct fmt_arg *args, size_t count)
{
	struct fmt_writer w = {.size = 0};
	int r = run(&w, format, args, count);

	if (r == -EOVERFLOW && !w.wrong.reason)
		w.wrong = (struct fmt_error){strlen(format), "the text is too long"};
	if (r < 0)
		*ret = w.wrong;
	return r;
}

static int vdrain(int (*drain)(void *, const char *, size_t), void *target, const char *format,
                  const struct fmt_arg *args, size_t count)
{
	char chunk[CHUNK];
	struct fmt_writer w = {.buffer = chunk, .size = CHUNK, .drain = drain, .target = target};
	int length = fmt_vformat(chunk, CHUNK, format, args, count), r;

	if (length < 0)
		return length;
	if (length >= CHUNK)
		return run(&w, format, args, count);
	r = drain(target, chunk, (size_t)length);
	return r < 0 ? r : length;
}

static int drain_file(void *target, const char *bytes, size_t length)
{
	errno = 0;
	if (fwrite(bytes, 1, length, target) == length)
		return 0;
	return errno ? -errno : -EIO;
}

int fmt_vprint(FILE *file, const char *format, const struct fmt_arg *args, size_t count)
{
	int r;

	flockfile(file);
	r = vdrain(drain_file, file, format, args, count);
	funlockfile(file);
	return r;
}

static int drain_fd(void *target, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(*(int *)target, bytes, length);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

int fmt_vdprint(int fd, const char *format, const struct fmt_arg *args, size_t count)
{
	return vdrain(drain_fd, &fd, format, args, count);
}

static int string_reserve(struct fmt_string *string, size_t more)
{
	size_t need = string->length + more + 1, capacity = 2 * string->capacity;
	char *data;

	if (need <= string->capacity)
		return 0;
	if (capacity < need)
		capacity = need < 32 ? 32 : need;
	data = realloc(string->data, capacity);
	if (!data)
		return -ENOMEM;
	string->data = data;
	string->capacity = capacity;
	return 0;
}

int fmt_vappend(struct fmt_string *string, const char *format, const struct fmt_arg *args,
                size_t count)
{
	int length = fmt_vformat(NULL, 0, format, args, count), r;

	if (length < 0)
		return length;
	r = string_reserve(string, (size_t)length);
	if (r < 0)
		return r;
	fmt_vformat(string->data + string->length, (size_t)length + 1, format, args, count);
	string->length += (size_t)length;
	return length;
}

void fmt_string_deinit(struct fmt_string *string)
{
	free(string->data);
	*string = (struct fmt_string){0};
}
