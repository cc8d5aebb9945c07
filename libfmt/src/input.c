#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int fmt_wrong(struct fmt_writer *w, const char *reason)
{
	w->wrong.position = (size_t)(w->in.p - w->in.format);
	w->wrong.reason = reason;
	return -EINVAL;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int by_position(struct fmt_writer *w, size_t index, const struct fmt_arg **ret)
{
	if (index >= w->in.count)
		return fmt_wrong(w, "there is no such argument");
	*ret = &w->in.args[index];
	return 0;
}

static int by_name(struct fmt_writer *w, const struct fmt_arg **ret)
{
	const char *name = w->in.p;
	size_t length = 0;

	while (is_letter(peek(w)) || is_digit(peek(w)))
		w->in.p++;
	length = (size_t)(w->in.p - name);
	for (size_t i = 0; i < w->in.count; i++) {
		const char *given = w->in.args[i].name;

		if (given && strlen(given) == length && memcmp(given, name, length) == 0) {
			*ret = &w->in.args[i];
			return 0;
		}
	}
	w->in.p = name;
	return fmt_wrong(w, "there is no argument of that name");
}

int fmt_parse_index(struct fmt_writer *w, const struct fmt_arg **ret)
{
	size_t index = 0;

	if (is_letter(peek(w)))
		return by_name(w, ret);
	if (!is_digit(peek(w))) {
		if (w->in.next < 0)
			return fmt_wrong(w, "automatic index behind one given by hand");
		return by_position(w, (size_t)w->in.next++, ret);
	}
	if (w->in.next > 0)
		return fmt_wrong(w, "index given by hand behind an automatic one");
	w->in.next = -1;
	if (peek(w) == '0') {
		w->in.p++;
	} else {
		for (; is_digit(peek(w)) && index <= INT_MAX; w->in.p++)
			index = index * 10 + (size_t)(*w->in.p - '0');
	}
	return by_position(w, index, ret);
}
