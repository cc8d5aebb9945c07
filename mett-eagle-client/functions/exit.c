/* Ends with the exit code that is its argument, and without an answer. */
#include "number.h"

#include <stdlib.h>

int faas_main(const void *argument, size_t size)
{
	uint64_t code;
	int failed = number_of(argument, size, &code);

	if (failed)
		return failed;
	exit((int)code);
}
