#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <system/linux/record.h>

static void demand(int condition, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "# record_check(): %s\n", text);
	abort();
}

int record_fuzz_one(const char *name, const void *data, size_t size)
{
	char *space = malloc(METT_NAME_MAX + 1), *key = malloc(METT_NAME_MAX + 1);
	char again[RECORD_NAME_SIZE];
	void *copy = malloc(size ? size : 1);
	size_t told = SIZE_MAX;

	demand(space && key && copy, "no memory");
	if (record_parse(name, space, key) == 0) {
		demand(!record_name(space, key, again), "its names make no name");
		demand(!strcmp(again, name), "its names make another");
	}
	/* Of exactly that size, so that nothing lies behind it. */
	memcpy(copy, data, size);
	const char *wrong = record_check(copy, size, name, &told);
	if (wrong)
		demand(told == SIZE_MAX, "size of what is no record");
	else
		demand(told == size - sizeof(struct record_header), "wrong size");
	free(space);
	free(key);
	free(copy);
	return !wrong;
}
