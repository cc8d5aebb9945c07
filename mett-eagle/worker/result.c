#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mett_result_deinit(struct mett_result *result)
{
	/* A worker's results are always from malloc. */
	free(result->memory);
	*result = (struct mett_result){0};
}

void mett_worker_fail_result(struct mett_result *result, enum mett_reason reason, int32_t detail,
                             const char *name, const char *why)
{
	result->error.reason = reason;
	result->error.detail = detail;
	snprintf(result->error.message, sizeof(result->error.message), "action '%.64s': %s",
	         name ? name : "", why);
}

/* One piece of memory: answer, zero, log, zero. */
bool mett_worker_keep_result(struct mett_result *result, const void *answer, size_t size,
                             const void *log, size_t log_size)
{
	char *memory = malloc(size + log_size + 2);

	if (!memory)
		return false;
	memcpy(memory, answer, size);
	memory[size] = 0;
	if (log_size)
		memcpy(memory + size + 1, log, log_size);
	memory[size + 1 + log_size] = 0;
	result->memory = memory;
	result->answer = memory;
	result->answer_size = size;
	result->log = memory + size + 1;
	result->log_size = log_size;
	return true;
}
