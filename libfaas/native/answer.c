/*
 * What a function calls.
 */
#include "private.h"

#include <errno.h>
#include <string.h>

int faas_answer_space(size_t size, void **ret)
{
	void *space;
	int error = mett_worker_answer_space(faas_state.worker, size, &space);

	if (error)
		return error;
	faas_state.answer = space;
	faas_state.answer_size = faas_state.answer_room = size;
	*ret = space;
	return 0;
}

int faas_answer(const void *data, size_t size)
{
	void *space;

	if (data && data == faas_state.answer) {
		if (size > faas_state.answer_room)
			return -EMSGSIZE;
		faas_state.answer_size = size;
		return 0;
	}
	int error = faas_answer_space(size, &space);
	if (!error && size)
		memcpy(space, data, size);
	return error;
}

int faas_answer_text(const char *text)
{
	return faas_answer(text, strlen(text));
}

int faas_fail_text(const char *text)
{
	size_t length = strnlen(text, sizeof(faas_state.failure) - 1);

	memcpy(faas_state.failure, text, length);
	faas_state.failure[length] = 0;
	return 1;
}

int faas_invoke(const char *name, const void *argument, size_t size,
                const struct mett_config *config, struct mett_result *result)
{
	return mett_worker_invoke(faas_state.worker, name, argument, size, config, result);
}

const struct mett_activation *faas_activation(void)
{
	return mett_worker_activation(faas_state.worker);
}
