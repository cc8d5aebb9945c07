#include "internal.h"

#include <string.h>

static int put_cstring(struct fmt_writer *w, const struct fmt_spec *spec, const char *text)
{
	if (spec->type == 'p')
		fmt_put_pointer(w, spec, text);
	else if (text)
		fmt_put_string(w, spec, text, strlen(text));
	else
		fmt_put_text(w, spec, '<', "(null)", strlen("(null)"));
	return 0;
}

int fmt_put_value(struct fmt_writer *w, const struct fmt_spec *spec, const struct fmt_arg *arg)
{
	const char *text;

	switch (arg->type) {
	case FMT_TYPE_BOOL:
		if (spec->type && spec->type != 's')
			return fmt_put_integer(w, spec, arg);
		text = arg->value.uint ? "true" : "false";
		fmt_put_text(w, spec, '<', text, strlen(text));
		return 0;
	case FMT_TYPE_CHAR:
		if (spec->type && !strchr("c?", spec->type))
			return fmt_put_integer(w, spec, arg);
		fmt_put_character(w, spec, (char)arg->value.sint);
		return 0;
	case FMT_TYPE_FLOAT:
		fmt_put_float(w, spec, arg->value.real, arg->size);
		return 0;
	case FMT_TYPE_CSTRING:
		return put_cstring(w, spec, arg->value.string);
	case FMT_TYPE_BYTES:
		fmt_put_string(w, spec, arg->value.span.data, arg->value.span.count);
		return 0;
	case FMT_TYPE_POINTER:
		fmt_put_pointer(w, spec, arg->value.pointer);
		return 0;
	default:
		return fmt_put_integer(w, spec, arg);
	}
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are widened from below");

/* Elements lie in memory in their own size: little ones have to be widened. */
static struct fmt_arg element_at(const struct fmt_arg *array, size_t index)
{
	const char *at = (const char *)array->value.span.data + index * array->size;
	struct fmt_arg ret = {.type = array->element, .size = array->size};
	unsigned unused = 8 * (unsigned)(sizeof(ret.value.sint) - array->size);
	double as_double;
	float as_float;

	memcpy(&ret.value, at, array->size);
	if (ret.type == FMT_TYPE_INT || ret.type == FMT_TYPE_CHAR) {
		ret.value.sint = (fmt_int128)(ret.value.uint << unused) >> unused;
	} else if (ret.type == FMT_TYPE_FLOAT && array->size == sizeof(float)) {
		memcpy(&as_float, at, sizeof(as_float));
		ret.value.real = as_float;
	} else if (ret.type == FMT_TYPE_FLOAT && array->size == sizeof(double)) {
		memcpy(&as_double, at, sizeof(as_double));
		ret.value.real = as_double;
	}
	return ret;
}

/* "n" leaves out the brackets; what stands behind a colon is for each element. */
static int put_array(struct fmt_writer *w, const struct fmt_arg *arg)
{
	struct fmt_spec spec = FMT_SPEC_NONE;
	bool brackets = peek(w) != 'n';
	int r = 0;

	if (!brackets)
		w->in.p++;
	if (peek(w) == ':') {
		w->in.p++;
		r = fmt_spec_parse(w, arg->element, &spec);
	} else if (peek(w) && peek(w) != '}') {
		r = fmt_wrong(w, "an array has only 'n' and ':' with a format of its elements");
	} else if (arg->element == FMT_TYPE_CHAR || arg->element == FMT_TYPE_CSTRING) {
		spec.type = '?';
	}
	if (brackets)
		fmt_put_char(w, '[');
	for (size_t i = 0; r == 0 && i < arg->value.span.count; i++) {
		struct fmt_arg element = element_at(arg, i);

		if (i > 0)
			fmt_put_bytes(w, ", ", 2);
		r = fmt_put_value(w, &spec, &element);
	}
	if (brackets)
		fmt_put_char(w, ']');
	return r;
}

/* The spec of a user's type ends at the brace that closes the field. */
static int put_user(struct fmt_writer *w, const struct fmt_arg *arg)
{
	const char *start = w->in.p;
	size_t depth = 0;
	int r;

	for (; peek(w) && (peek(w) != '}' || depth > 0); w->in.p++) {
		if (peek(w) == '{')
			depth++;
		else if (peek(w) == '}')
			depth--;
	}
	r = arg->value.user.format(w, start, (size_t)(w->in.p - start), arg->value.user.object);
	if (r < 0 && !w->wrong.reason)
		w->wrong.reason = "refused by the type's own formatter";
	w->wrong.position = (size_t)(start - w->in.format);
	return r < 0 ? r : 0;
}

int fmt_put_arg(struct fmt_writer *w, const struct fmt_arg *arg)
{
	struct fmt_spec spec;
	int r;

	switch (arg->type) {
	case FMT_TYPE_ARRAY:
		return put_array(w, arg);
	case FMT_TYPE_USER:
		return put_user(w, arg);
	case FMT_TYPE_TM:
	case FMT_TYPE_TIMESPEC:
		return fmt_put_time(w, arg);
	default:
		r = fmt_spec_parse(w, arg->type, &spec);
		return r < 0 ? r : fmt_put_value(w, &spec, arg);
	}
}

int fmt_put_field(struct fmt_writer *w, const char *spec, size_t length, struct fmt_arg arg)
{
	struct fmt_input saved = w->in;
	int r;

	w->in.p = spec;
	w->in.end = spec + length;
	r = fmt_put_arg(w, &arg);
	saved.next = w->in.next;
	if (r == 0 && w->in.p != w->in.end)
		r = fmt_wrong(w, "there is more behind the format of this type");
	w->in = saved;
	if (r < 0)
		w->wrong.position = (size_t)(w->in.p - w->in.format);
	return r;
}
