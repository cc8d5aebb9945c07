/* Sleeps the milliseconds that are its argument; answers how long it slept, in microseconds. */
#include "number.h"

int faas_main(const void *argument, size_t size)
{
	struct timespec start;
	uint64_t ms;
	int failed = number_of(argument, size, &ms);

	if (failed)
		return failed;
	struct timespec rest = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (nanosleep(&rest, &rest))
		;
	return faas_answer_format("{}", elapsed_us(&start));
}
