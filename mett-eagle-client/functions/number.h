#pragma once

/*
 * Arguments that are one number.
 */
#include <faas.h>

/**
 * number_of() - the number an argument is
 * @argument: decimal digits and nothing else
 * @size:     in bytes
 * @ret:      the number
 *
 * Return: 0, or what faas_main() then returns.
 */
static inline int number_of(const void *argument, size_t size, uint64_t *ret)
{
	const char *digits = argument;
	uint64_t number = 0;

	if (!size) {
		faas_fail("argument is empty; give a number");
		return 1;
	}
	for (size_t i = 0; i < size; i++) {
		if (digits[i] < '0' || digits[i] > '9' ||
		    __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, digits[i] - '0', &number)) {
			faas_fail("argument '{}' is not a number", fmt_bytes(digits, size));
			return 1;
		}
	}
	*ret = number;
	return 0;
}

/** elapsed_us() - microseconds since @start, which clock_gettime(CLOCK_MONOTONIC) gave */
static inline uint64_t elapsed_us(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - start->tv_sec) * 1000000 +
	                  (now.tv_nsec - start->tv_nsec) / 1000);
}
