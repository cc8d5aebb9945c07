#pragma once

/* What the fuzz tests share: numbers that are the same for the same seed, and files. */
#include <stddef.h>
#include <stdint.h>

/** fuzz_next() - the next pseudorandom number; any state will do */
static inline uint64_t fuzz_next(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

/** fuzz_below() - a number below @end, which is not 0 */
static inline unsigned fuzz_below(uint64_t *state, unsigned end)
{
	return (unsigned)(fuzz_next(state) % end);
}

/** fuzz_value() - a number of the kind that breaks things: small, at an edge, or any */
uint64_t fuzz_value(uint64_t *state);

/** fuzz_read() - a whole file, to be freed; the test ends when there is none */
unsigned char *fuzz_read(const char *path, size_t *ret_size);

/** fuzz_mutate() - change a few fields of @data, of 1 to 8 bytes each */
void fuzz_mutate(uint64_t *state, void *data, size_t size);
