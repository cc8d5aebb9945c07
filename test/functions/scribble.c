/*
 * Writes random bytes all over its window, once. With the argument "wait" it
 * goes on doing so for ever.
 */
#include "hostile.h"

#include <stddef.h>

int faas_main(const void *argument, size_t size)
{
	bool wait = hostile_is(argument, size, "wait");
	unsigned char *window =
		(unsigned char *)argument - offsetof(struct worker_window, serve.argument);
	uint64_t state = faas_activation()->id + 1;

	do
		for (size_t i = 0; i + 8 <= sizeof(struct worker_window); i += 8) {
			uint64_t value = hostile_random(&state);

			memcpy(window + i, &value, sizeof(value));
		}
	while (wait);
	return 0;
}
