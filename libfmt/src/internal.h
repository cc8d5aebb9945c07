#pragma once

/*
 * What the parts of libfmt share. Functions that can meet a wrong format return
 * 0 or a negative errno; writing itself never fails here: an error of the
 * target is kept in the writer and reported at the end.
 */
#include "libfmt/fmt.h"

/* A place in a format string, and what it may refer to. */
struct fmt_input {
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

	struct fmt_input in;
	struct fmt_error wrong;
};

/* A parsed format spec, of everything but times and users' types. */
struct fmt_spec {
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

/** fmt_wrong() - keep the reason and where it was found; returns -EINVAL */
int fmt_wrong(struct fmt_writer *w, const char *reason);

/** fmt_parse_index() - read what names an argument, "" for the next; 0 or -EINVAL */
int fmt_parse_index(struct fmt_writer *w, const struct fmt_arg **ret);

/* spec.c */

/** fmt_spec_layout() - read fill, alignment; 0 or -EINVAL */
int fmt_spec_layout(struct fmt_writer *w, struct fmt_spec *ret);

/** fmt_spec_width() - read a width, or none; 0 or -EINVAL */
int fmt_spec_width(struct fmt_writer *w, struct fmt_spec *ret);

/** fmt_spec_precision() - read ".precision", or none; 0 or -EINVAL */
int fmt_spec_precision(struct fmt_writer *w, struct fmt_spec *ret);

/** fmt_spec_parse() - read a whole spec that has to suit a type; 0 or -EINVAL */
int fmt_spec_parse(struct fmt_writer *w, enum fmt_type type, struct fmt_spec *ret);

#define FMT_SPEC_NONE ((struct fmt_spec){.fill = " ", .fill_size = 1, .precision = -1})

/* writer.c */

/** fmt_put_char() - write one byte */
void fmt_put_char(struct fmt_writer *w, char c);

/** fmt_put_zeros() - write the digit 0 @count times */
void fmt_put_zeros(struct fmt_writer *w, size_t count);

/** fmt_put_fill() - write the fill @count times */
void fmt_put_fill(struct fmt_writer *w, const struct fmt_spec *spec, size_t count);

/** fmt_put_left() - pad before a text of @columns; returns what fmt_put_fill() owes behind it */
size_t fmt_put_left(struct fmt_writer *w, const struct fmt_spec *spec, char align, size_t columns);

/** fmt_put_text() - write text in its field; @align if the spec has none */
void fmt_put_text(struct fmt_writer *w, const struct fmt_spec *spec, char align, const char *text,
                  size_t length);

/** fmt_put_number() - write digits behind a sign or prefix, in their field */
void fmt_put_number(struct fmt_writer *w, const struct fmt_spec *spec, const char *prefix,
                    const char *digits, size_t length);

/* field.c */

/** fmt_put_value() - write what a spec suits: all but times, arrays and users' types */
int fmt_put_value(struct fmt_writer *w, const struct fmt_spec *spec, const struct fmt_arg *arg);

/** fmt_put_arg() - read the spec at hand and write the argument by it */
int fmt_put_arg(struct fmt_writer *w, const struct fmt_arg *arg);

/* number.c */

/** fmt_put_integer() - write an integer, also one that bool or char stand for; 0 or -EINVAL */
int fmt_put_integer(struct fmt_writer *w, const struct fmt_spec *spec, const struct fmt_arg *arg);

/** fmt_put_pointer() - write an address */
void fmt_put_pointer(struct fmt_writer *w, const struct fmt_spec *spec, const void *pointer);

/* float.c */

/** fmt_put_float() - write a number that was of a type of @size bytes */
void fmt_put_float(struct fmt_writer *w, const struct fmt_spec *spec, long double value,
                   size_t size);

/* time.c */

/** fmt_put_time() - read the spec at hand and write a time by it; 0 or -EINVAL */
int fmt_put_time(struct fmt_writer *w, const struct fmt_arg *arg);

/* text.c */

/** fmt_put_string() - write @length bytes of UTF-8, or what stands for them with '?' */
void fmt_put_string(struct fmt_writer *w, const struct fmt_spec *spec, const char *text,
                    size_t length);

/** fmt_put_character() - write one byte, or what stands for it with '?' */
void fmt_put_character(struct fmt_writer *w, const struct fmt_spec *spec, char c);

/** fmt_text_columns() - columns a terminal needs for UTF-8; 1 for each invalid byte */
size_t fmt_text_columns(const char *text, size_t length);
