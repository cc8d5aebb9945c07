#pragma once

/*
 * What the parts of libfmt share. Functions that can meet a wrong format return
 * 0 or a negative errno; writing itself never fails here: an error of the
 * target is kept in the writer and reported at the end.
 */
#include "libfmt/fmt.h"

/* A place in a format string, and what it may refer to. */
struct input {
	const char *format; /* start: positions count from here */
	const char *p;
	const char *end;
	const struct fmt_arg *args;
	size_t count;
	int next; /* next automatic index; -1 once indices are given by hand */
};

struct fmt_writer {
	char *buffer;
	size_t size;
	size_t used;   /* bytes in @buffer */
	size_t length; /* bytes of the whole text so far */

	/* Takes a full buffer; NULL: what does not fit is only counted. */
	int (*drain)(void *target, const char *bytes, size_t length);
	void *target;
	int error; /* of @drain, the first one */

	struct input in;
	struct fmt_error wrong;
};

/* A parsed format spec, of everything but times and users' types. */
struct spec {
	char fill[4];
	unsigned char fill_size;
	char align; /* one of < > ^, '0' for zeros behind the sign, 0: by type */
	char sign;  /* one of + - space, or 0 */
	char type;  /* or 0 */
	bool alternate;
	bool zero;
	int width;
	int precision; /* -1: none */
};

/* input.c */

/** peek() - the next character, 0 at the end */
static inline char peek(const struct fmt_writer *w)
{
	return w->in.p < w->in.end ? *w->in.p : 0;
}

/** is_digit() - as isdigit(), in any locale and for any char */
static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** wrong() - keep the reason and where it was found; returns -EINVAL */
int wrong(struct fmt_writer *w, const char *reason);

/** parse_index() - read what names an argument, "" for the next; 0 or -EINVAL */
int parse_index(struct fmt_writer *w, const struct fmt_arg **ret);

/* spec.c */

/** spec_layout() - read fill, alignment; 0 or -EINVAL */
int spec_layout(struct fmt_writer *w, struct spec *ret);

/** spec_width() - read a width, or none; 0 or -EINVAL */
int spec_width(struct fmt_writer *w, struct spec *ret);

/** spec_precision() - read ".precision", or none; 0 or -EINVAL */
int spec_precision(struct fmt_writer *w, struct spec *ret);

/** spec_parse() - read a whole spec that has to suit a type; 0 or -EINVAL */
int spec_parse(struct fmt_writer *w, enum fmt_type type, struct spec *ret);

#define SPEC_NONE ((struct spec){.fill = " ", .fill_size = 1, .precision = -1})

/* writer.c */
void put_char(struct fmt_writer *w, char c);
void put_zeros(struct fmt_writer *w, size_t count);

/** put_fill() - write the fill @count times */
void put_fill(struct fmt_writer *w, const struct spec *spec, size_t count);

/** put_left() - pad before a text of @columns; returns what put_fill() owes behind it */
size_t put_left(struct fmt_writer *w, const struct spec *spec, char align, size_t columns);

/** put_text() - write text in its field; @align if the spec has none */
void put_text(struct fmt_writer *w, const struct spec *spec, char align, const char *text,
              size_t length);

/** put_number() - write digits behind a sign or prefix, in their field */
void put_number(struct fmt_writer *w, const struct spec *spec, const char *prefix,
                const char *digits, size_t length);

/* field.c */

/** put_value() - write what a spec suits: all but times, arrays and users' types */
int put_value(struct fmt_writer *w, const struct spec *spec, const struct fmt_arg *arg);

/** put_arg() - read the spec at hand and write the argument by it */
int put_arg(struct fmt_writer *w, const struct fmt_arg *arg);

/* by type */
int put_integer(struct fmt_writer *w, const struct spec *spec, const struct fmt_arg *arg);
void put_pointer(struct fmt_writer *w, const struct spec *spec, const void *pointer);
void put_float(struct fmt_writer *w, const struct spec *spec, long double value, size_t size);
void put_string(struct fmt_writer *w, const struct spec *spec, const char *text, size_t length);
void put_character(struct fmt_writer *w, const struct spec *spec, char c);
int put_time(struct fmt_writer *w, const struct fmt_arg *arg);

/* text.c */

/** text_columns() - columns a terminal needs for UTF-8; 1 for each invalid byte */
size_t text_columns(const char *text, size_t length);
