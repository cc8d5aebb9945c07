/* The check of programs for libFuzzer; see README.md. */
#include "program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	program_fuzz_one(data, size);
	return 0;
}
