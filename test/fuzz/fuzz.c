#include "fuzz.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
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

unsigned char *fuzz_read(const char *path, size_t *ret_size)
{
	FILE *file = path ? fopen(path, "re") : NULL;

	CHECK(file);
	CHECK_EQ(fseek(file, 0, SEEK_END), 0);
	size_t size = (size_t)ftell(file);
	unsigned char *data = malloc(size);
	CHECK(data && size);
	rewind(file);
	CHECK_EQ(fread(data, 1, size, file), size);
	fclose(file);
	*ret_size = size;
	return data;
}
