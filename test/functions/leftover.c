/*
 * Answers how many bytes of its window hold something that is not its own, then
 * fills all of it that a function can reach.
 */
#include "hostile.h"

#include <stddef.h>

static unsigned used(const unsigned char *bytes, size_t size)
{
	unsigned count = 0;

	for (size_t i = 0; i < size; i++)
		count += bytes[i] != 0;
	return count;
}

int faas_main(const void *argument, size_t size)
{
	struct worker_window *window = (void *)((unsigned char *)argument -
	                                        offsetof(struct worker_window, serve.argument));
	unsigned count = used(window->serve.argument + size, METT_INLINE_MAX - size) +
	                 used(window->serve.answer, METT_INLINE_MAX) +
	                 used(window->nested.argument, METT_INLINE_MAX) +
	                 used(window->nested.answer, METT_INLINE_MAX);
	char text[16];
	size_t length = fmt_format(text, sizeof(text), "{}", count);

	memset(&window->serve, 0xa5, sizeof(window->serve));
	memset(&window->nested, 0xa5, sizeof(window->nested));
	return faas_answer(text, length);
}
