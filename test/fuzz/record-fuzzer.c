/* The check of records for libFuzzer; see README.md. The first line is the file's name. */
#include "record.h"

#include <stdint.h>
#include <string.h>

enum { NAME_ROOM = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t length = end ? (size_t)(end - data) : 0;
	char name[NAME_ROOM] = "";

	if (length >= NAME_ROOM)
		return 0;
	memcpy(name, data, length);
	record_fuzz_one(name, data + length + (end != NULL), size - length - (end != NULL));
	return 0;
}
