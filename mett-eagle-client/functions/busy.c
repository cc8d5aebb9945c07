/* Adds up as many fractions as its argument says; answers how long that took, in microseconds. */
#include "number.h"

int faas_main(const void *argument, size_t size)
{
	double sum = 0;
	struct timespec start;
	uint64_t rounds;
	int failed = number_of(argument, size, &rounds);

	if (failed)
		return failed;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t i = 1; i <= rounds; i++)
		sum += 1.0 / (double)i;
	/* The sum is of no interest, but shall be made. */
	__asm__ volatile("" : : "m"(sum));
	return faas_answer_format("{}", elapsed_us(&start));
}
