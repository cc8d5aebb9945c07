/*
 * Answers and failures as texts of libfmt.
 */
#include "private.h"

#include <errno.h>

int faas_answer_vformat(const char *format, const struct fmt_arg *args, size_t count)
{
	int length = fmt_vformat(NULL, 0, format, args, count);
	void *space;

	if (length < 0)
		return length;
	/* The zero needs room too, though it is no part of the answer. */
	int error = faas_answer_space((size_t)length + 1, &space);
	if (error)
		return error;
	fmt_vformat(space, (size_t)length + 1, format, args, count);
	return faas_answer(space, (size_t)length);
}

int faas_fail_vformat(const char *format, const struct fmt_arg *args, size_t count)
{
	char text[METT_MESSAGE_MAX];

	/* A wrong format still tells more than nothing. */
	if (fmt_vformat(text, sizeof(text), format, args, count) < 0)
		return faas_fail_text(format);
	return faas_fail_text(text);
}
