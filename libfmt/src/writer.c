#include "internal.h"

#include <string.h>

static void drain(struct fmt_writer *w)
{
	if (!w->error)
		w->error = w->drain(w->target, w->buffer, w->used);
	w->used = 0;
}

void fmt_put_bytes(struct fmt_writer *w, const char *bytes, size_t length)
{
	w->length += length;
	while (length > 0) {
		size_t room = w->size - w->used, part = length < room ? length : room;

		if (part > 0)
			memcpy(w->buffer + w->used, bytes, part);
		w->used += part;
		bytes += part;
		length -= part;
		if (w->used < w->size)
			continue;
		if (!w->drain)
			return;
		drain(w);
	}
}

void fmt_put_char(struct fmt_writer *w, char c)
{
	fmt_put_bytes(w, &c, 1);
}

/* A width may be two thousand million: what no one takes is counted, not made. */
void fmt_put_fill(struct fmt_writer *w, const struct fmt_spec *spec, size_t count)
{
	while (count > 0 && (w->used < w->size || w->drain) && !w->error) {
		fmt_put_bytes(w, spec->fill, spec->fill_size);
		count--;
	}
	w->length += count * spec->fill_size;
}

void fmt_put_zeros(struct fmt_writer *w, size_t count)
{
	fmt_put_fill(w, &(struct fmt_spec){.fill = "0", .fill_size = 1}, count);
}

size_t fmt_put_left(struct fmt_writer *w, const struct fmt_spec *spec, char align, size_t columns)
{
	size_t width = (size_t)spec->width;
	size_t padding = width > columns ? width - columns : 0, left = padding;

	if (spec->align)
		align = spec->align;
	if (align == '<')
		left = 0;
	else if (align == '^')
		left = padding / 2;
	fmt_put_fill(w, spec, left);
	return padding - left;
}

void fmt_put_text(struct fmt_writer *w, const struct fmt_spec *spec, char align, const char *text,
                  size_t length)
{
	size_t right = fmt_put_left(w, spec, align, length);

	fmt_put_bytes(w, text, length);
	fmt_put_fill(w, spec, right);
}

void fmt_put_number(struct fmt_writer *w, const struct fmt_spec *spec, const char *prefix,
                    const char *digits, size_t length)
{
	size_t before = strlen(prefix), right;

	if (spec->align == '0')
		fmt_put_bytes(w, prefix, before);
	right = fmt_put_left(w, spec, '>', before + length);
	if (spec->align != '0')
		fmt_put_bytes(w, prefix, before);
	fmt_put_bytes(w, digits, length);
	fmt_put_fill(w, spec, right);
}
