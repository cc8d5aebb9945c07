/*
 * Answers how many bytes of its window hold something that is not its own, then
 * fills all of it that a function can reach. Of the room it looks at what calls
 * with large arguments use, if it has one or its argument is "room".
 */
#include "hostile.h"

#include <stddef.h>

enum { REACH = 2 << 20, FILLED = 1 << 20 };

static unsigned used(const unsigned char *bytes, size_t size)
{
	unsigned count = 0;

	for (size_t i = 0; i < size; i++)
		count += bytes[i] != 0;
	return count;
}

/* @own: bytes of the argument, if that is here. */
static unsigned used_behind(const unsigned char *bytes, const void *argument, size_t own,
                            size_t size)
{
	size_t from = argument == bytes ? own : 0;

	return used(bytes + from, size - from);
}

int faas_main(const void *argument, size_t size)
{
	bool room = size > METT_INLINE_MAX || hostile_is(argument, size, "room");
	struct worker_window *window;
	char text[16];
	void *answer;

	if (faas_answer_space(1, &answer))
		return 1;
	window = (void *)((unsigned char *)answer - offsetof(struct worker_window, serve.answer));
	unsigned count = used_behind(window->serve.argument, argument, size, METT_INLINE_MAX) +
	                 used(window->serve.answer, METT_INLINE_MAX) +
	                 used(window->nested.argument, METT_INLINE_MAX) +
	                 used(window->nested.answer, METT_INLINE_MAX);
	if (room) {
		count += used_behind(window->room.argument, argument, size, REACH);
		count += used(window->room.answer, REACH);
		memset(window->room.argument, 0xa5, FILLED);
		memset(window->room.answer, 0xa5, FILLED);
	}
	size_t length = fmt_format(text, sizeof(text), "{}", count);

	memset(&window->serve, 0xa5, sizeof(window->serve));
	memset(&window->nested, 0xa5, sizeof(window->nested));
	return faas_answer(text, length);
}
