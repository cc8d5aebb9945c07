/*
 * Argument "NAME ARGUMENT": invokes the action NAME with the rest, and answers
 * what it answers; or fails for its reason.
 */
#include <faas.h>

#include <string.h>

int faas_main(const void *argument, size_t size)
{
	const char *space = size ? memchr(argument, ' ', size) : NULL;
	size_t length = space ? (size_t)(space - (const char *)argument) : size;
	const char *rest = space ? space + 1 : "";
	size_t rest_size = space ? size - length - 1 : 0;
	char name[METT_NAME_MAX + 1] = "";
	struct mett_result result;

	if (!length || length > METT_NAME_MAX)
		return faas_fail("argument '{}' does not begin with a name and a space",
		                 fmt_bytes(argument, size));
	memcpy(name, argument, length);
	int error = faas_invoke(name, rest, rest_size, NULL, &result);
	if (error)
		error = faas_fail("{}", result.error.message);
	else
		error = faas_answer(result.answer, result.answer_size);
	mett_result_deinit(&result);
	return error;
}
