#include "os.h"

#include <stdlib.h>
#include <string.h>

static void set_empty(struct mett_result *result)
{
	result->answer = "";
	result->answer_size = 0;
	result->log = "";
	result->log_size = 0;
	result->memory = NULL;
	result->memory_size = 0;
}

/* memory_size tells a mapping, which has one, from memory of malloc, which has none. */
void mett_result_deinit(struct mett_result *result)
{
	if (!result)
		return;
	if (result->memory_size)
		mett_os_unmap_answer(result->memory, result->memory_size);
	else
		free(result->memory);
	set_empty(result);
}

int mett_result_fail(struct mett_result *ret, const struct mett_error *error)
{
	if (ret) {
		*ret = (struct mett_result){.error = *error};
		set_empty(ret);
	}
	return -mett_reason_errno(error->reason);
}

static size_t whole_pages(size_t size)
{
	size_t page = mett_os_page();

	return (size + page - 1) / page * page;
}

/*
 * The answer's pages, and behind them pages of our own for the log. If the answer
 * fills its last page, ours begin with the zero that must stand behind it.
 * Returns where the log is to go, or NULL.
 */
static char *map_answer(struct mett_result *ret, sys_cap large, size_t size, size_t log_size)
{
	size_t all;
	char *memory = mett_os_map_answer(large, size, 1 + log_size + 1, &all);

	if (!memory)
		return NULL;
	/* The worker may have written behind its answer. */
	if (memory[size])
		memory[size] = 0;
	ret->memory = memory;
	ret->memory_size = all;
	return memory + whole_pages(size) + 1;
}

static char *copy_answer(struct mett_result *ret, const void *answer, size_t size, size_t log_size)
{
	char *memory = malloc(size + 1 + log_size + 1);

	if (!memory)
		return NULL;
	memcpy(memory, answer, size);
	memory[size] = 0;
	ret->memory = memory;
	return memory + size + 1;
}

/* From @large, if there is one. Returns false when there is no memory for it. */
static bool take_bytes(struct mett_result *ret, const void *answer, sys_cap large, size_t size,
                       const char *log, size_t log_size)
{
	char *log_copy;

	if (!size && !log_size)
		return true;
	if (large != SYS_NO_CAP && size)
		log_copy = map_answer(ret, large, size, log_size);
	else
		log_copy = copy_answer(ret, answer, size, log_size);
	if (!log_copy)
		return false;
	memcpy(log_copy, log, log_size);
	log_copy[log_size] = 0;
	ret->answer = ret->memory;
	ret->answer_size = size;
	ret->log = log_copy;
	ret->log_size = log_size;
	if (ret->memory_size)
		mett_os_protect_answer(ret->memory, ret->memory_size);
	return true;
}

static bool is_lawful(const struct message_done *done, size_t size, size_t room, sys_cap large,
                      uint64_t payload_max)
{
	size_t lent;

	if (done->reason >= METT_REASON_COUNT || done->size > payload_max)
		return false;
	if (size <= room)
		return size == 0 || large == SYS_NO_CAP;
	return large != SYS_NO_CAP && sys_dataspace_check(large, &lent) == 0 && size <= lent;
}

bool mett_result_take(struct mett_result *ret, const struct message_done *done, const void *answer,
                      size_t room, sys_cap large, uint64_t payload_max)
{
	const char *text = (const char *)(done + 1), *log = text + done->text_size;
	size_t size = done->reason == METT_OK ? done->size : 0, log_size = done->log_size;

	if (!is_lawful(done, size, room, large, payload_max))
		return false;
	set_empty(ret);
	ret->metadata = done->times;
	ret->activation = done->activation;
	mett_error_take(&ret->error, done->reason, done->detail, text, done->text_size);
	if (!take_bytes(ret, answer, large, size, log, log_size))
		mett_error_set(&ret->error, METT_NO_MEMORY, 0,
		               "no memory here for an answer of %zu bytes; give results back with "
		               "mett_result_deinit()",
		               size);
	return true;
}
