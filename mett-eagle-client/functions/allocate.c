/*
 * Takes memory and writes to it until it gets no more. With a number as
 * argument it is content with so many bytes, and answers how many it got.
 */
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };

int faas_main(const void *argument, size_t size)
{
	uint64_t wanted = UINT64_MAX, got = 0;
	int failed = size ? number_of(argument, size, &wanted) : 0;

	if (failed)
		return failed;
	while (got < wanted) {
		size_t piece = wanted - got < PIECE ? (size_t)(wanted - got) : PIECE;
		void *memory = malloc(piece);

		if (!memory)
			return -ENOMEM;
		/* Not zeroes, and not optimised away. */
		memset(memory, 'a', piece);
		__asm__ volatile("" : : "r"(memory) : "memory");
		got += piece;
	}
	return faas_answer_format("{}", got);
}
