#include "fuzz.h"

#include <string.h>

uint64_t fuzz_value(uint64_t *state)
{
	unsigned choice = fuzz_below(state, 8), bits = fuzz_below(state, 64);

	switch (choice) {
	case 0:
		return fuzz_next(state);
	case 1:
		return 0;
	case 2:
		return ~(uint64_t)0;
	case 3:
		return fuzz_below(state, 256);
	case 4:
		return -(uint64_t)fuzz_below(state, 4096);
	default: /* around a power of two */
		return ((uint64_t)1 << bits) + fuzz_below(state, 3) - 1;
	}
}

void fuzz_mutate(uint64_t *state, void *data, size_t size)
{
	for (unsigned count = 1 + fuzz_below(state, 4); count && size; count--) {
		size_t width = (size_t)1 << fuzz_below(state, 4);
		uint64_t value = fuzz_value(state);

		if (width > size)
			width = 1;
		/* Mostly where a field begins. */
		size_t at = fuzz_below(state, (unsigned)(size - width + 1));
		if (fuzz_below(state, 4))
			at -= at % width;
		memcpy((char *)data + at, &value, width);
	}
}
