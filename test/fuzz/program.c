#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <manager/program.h>

static struct {
	const void *data;
	size_t size;
} dataspace;

int sys_dataspace_check(sys_cap cap, size_t *ret_size)
{
	*ret_size = dataspace.size;
	return 0;
}

/* Of exactly that size, so that nothing lies behind it. */
int sys_map(sys_cap cap, size_t size, int writable, void **ret)
{
	void *copy = malloc(size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, dataspace.data, size);
	*ret = copy;
	return 0;
}

void sys_unmap(void *memory, size_t size)
{
	free(memory);
}

static void demand(int condition, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "# program_check(): %s\n", text);
	abort();
}

enum mett_reason program_fuzz_one(const void *data, size_t size)
{
	char *why = malloc(METT_MESSAGE_MAX);
	size_t told = 0;

	demand(why != NULL, "no memory");
	memset(why, 0, METT_MESSAGE_MAX);
	dataspace.data = data;
	dataspace.size = size;
	enum mett_reason reason = program_check(
		"it", 0, &(struct mett_action_options){METT_LANGUAGE_BINARY}, &told, why);
	demand(memchr(why, 0, METT_MESSAGE_MAX) != NULL, "text without an end");
	if (reason == METT_OK) {
		demand(told == size, "wrong size");
		demand(!*why, "text though all is well");
	} else {
		demand(reason == (size ? METT_BAD_PROGRAM : METT_BAD_DATASPACE), "other reason");
		demand(!strncmp(why, "action 'it': ", 13), "text that is not about the action");
	}
	free(why);
	return reason;
}
