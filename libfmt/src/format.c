#include "internal.h"

#include <string.h>

/* A replacement field, behind its opening brace. */
static int put_replacement(struct fmt_writer *w)
{
	const struct fmt_arg *arg;
	int r = fmt_parse_index(w, &arg);

	if (r < 0)
		return r;
	if (peek(w) == ':')
		w->in.p++;
	else if (peek(w) != '}')
		return fmt_wrong(w, "'}' or ':' is missing");
	r = fmt_put_arg(w, arg);
	if (r < 0)
		return r;
	if (peek(w) != '}')
		return fmt_wrong(w, "'}' is missing");
	w->in.p++;
	return 0;
}

int fmt_vput(struct fmt_writer *w, const char *format, const struct fmt_arg *args, size_t count)
{
	struct fmt_input saved = w->in;
	int r = 0;

	w->in = (struct fmt_input){format, format, format + strlen(format), args, count, 0};
	while (r == 0 && peek(w)) {
		size_t plain = strcspn(w->in.p, "{}");
		const char *brace = w->in.p + plain;

		fmt_put_bytes(w, w->in.p, plain);
		w->in.p = brace;
		if (!peek(w))
			break;
		w->in.p++;
		if (peek(w) == *brace) {
			fmt_put_char(w, *brace);
			w->in.p++;
		} else if (*brace == '{') {
			r = put_replacement(w);
		} else {
			w->in.p = brace;
			r = fmt_wrong(w, "'}' without '{'");
		}
	}
	w->in = saved;
	return r;
}
