#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Bytes of the UTF-8 character at hand; 1 if it is none, 0 at the end. */
static size_t character_size(const struct fmt_writer *w)
{
	unsigned char first = (unsigned char)peek(w);
	size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : !!first;

	if (first >= 0xf5 || size > (size_t)(w->in.end - w->in.p))
		return 1;
	for (size_t i = 1; i < size; i++) {
		if (((unsigned char)w->in.p[i] & 0xc0) != 0x80)
			return 1;
	}
	return size;
}

static bool is_align(char c)
{
	return c == '<' || c == '>' || c == '^';
}

int fmt_spec_layout(struct fmt_writer *w, struct fmt_spec *ret)
{
	size_t size = character_size(w);

	if (size == 0 || peek(w) == '}')
		return 0;
	if (w->in.p + size < w->in.end && is_align(w->in.p[size])) {
		if (peek(w) == '{')
			return fmt_wrong(w, "'{' cannot be the fill");
		memcpy(ret->fill, w->in.p, size);
		ret->fill_size = (unsigned char)size;
		w->in.p += size;
	}
	if (is_align(peek(w)))
		ret->align = *w->in.p++;
	return 0;
}

static int parse_number(struct fmt_writer *w, int *ret)
{
	long long number = 0;

	for (; is_digit(peek(w)); w->in.p++) {
		number = number * 10 + (*w->in.p - '0');
		if (number > INT_MAX)
			return fmt_wrong(w, "number is too big");
	}
	*ret = (int)number;
	return 0;
}

/* A number taken from an argument, behind its opening brace. */
static int parse_nested(struct fmt_writer *w, int *ret)
{
	const struct fmt_arg *arg;
	int r;

	w->in.p++;
	r = fmt_parse_index(w, &arg);
	if (r < 0)
		return r;
	if (peek(w) != '}')
		return fmt_wrong(w, "'}' is missing behind a width or precision");
	if (arg->type != FMT_TYPE_INT && arg->type != FMT_TYPE_UINT)
		return fmt_wrong(w, "width or precision is no integer");
	if (arg->type == FMT_TYPE_INT && arg->value.sint < 0)
		return fmt_wrong(w, "width or precision is negative");
	if (arg->value.uint > INT_MAX)
		return fmt_wrong(w, "width or precision is too big");
	w->in.p++;
	*ret = (int)arg->value.uint;
	return 0;
}

int fmt_spec_width(struct fmt_writer *w, struct fmt_spec *ret)
{
	if (peek(w) == '{')
		return parse_nested(w, &ret->width);
	return parse_number(w, &ret->width);
}

int fmt_spec_precision(struct fmt_writer *w, struct fmt_spec *ret)
{
	if (peek(w) != '.')
		return 0;
	w->in.p++;
	if (peek(w) == '{')
		return parse_nested(w, &ret->precision);
	if (!is_digit(peek(w)))
		return fmt_wrong(w, "precision is missing");
	return parse_number(w, &ret->precision);
}

static int parse_parts(struct fmt_writer *w, struct fmt_spec *ret)
{
	int r = fmt_spec_layout(w, ret);

	if (r < 0)
		return r;
	if (peek(w) == '+' || peek(w) == '-' || peek(w) == ' ')
		ret->sign = *w->in.p++;
	if (peek(w) == '#') {
		ret->alternate = true;
		w->in.p++;
	}
	if (peek(w) == '0') {
		ret->zero = true;
		ret->fill[0] = '0';
		ret->fill_size = 1;
		if (!ret->align)
			ret->align = '0';
		w->in.p++;
	}
	r = fmt_spec_width(w, ret);
	if (r == 0)
		r = fmt_spec_precision(w, ret);
	if (r < 0)
		return r;
	if (peek(w) && peek(w) != '}')
		ret->type = *w->in.p++;
	return 0;
}

static const char *const types_of[] = {
	[FMT_TYPE_BOOL] = "sbBcdoxX", [FMT_TYPE_CHAR] = "c?bBdoxX",  [FMT_TYPE_INT] = "bBcdoxX",
	[FMT_TYPE_UINT] = "bBcdoxX",  [FMT_TYPE_FLOAT] = "aAeEfFgG", [FMT_TYPE_CSTRING] = "s?p",
	[FMT_TYPE_BYTES] = "s?",      [FMT_TYPE_POINTER] = "p",
};

int fmt_spec_parse(struct fmt_writer *w, enum fmt_type type, struct fmt_spec *ret)
{
	bool number = type <= FMT_TYPE_FLOAT;
	int r;

	*ret = FMT_SPEC_NONE;
	r = parse_parts(w, ret);
	if (r < 0)
		return r;
	if (!number && (ret->sign || ret->alternate || ret->zero))
		return fmt_wrong(w, "sign, '#' and '0' are for numbers");
	if (ret->sign && (type == FMT_TYPE_BOOL || type == FMT_TYPE_UINT))
		return fmt_wrong(w, "a sign is for signed numbers");
	if (ret->precision >= 0 && ((number && type != FMT_TYPE_FLOAT) || type == FMT_TYPE_POINTER))
		return fmt_wrong(w, "this type has no precision");
	if (ret->type && !strchr(types_of[type], ret->type))
		return fmt_wrong(w, "this type has no such format");
	if (type == FMT_TYPE_CHAR && (!ret->type || strchr("c?", ret->type)) &&
	    (ret->align == '0' || ret->sign || ret->alternate))
		return fmt_wrong(w, "sign, '#' and '0' are for numbers");
	return 0;
}
