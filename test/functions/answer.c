/* Answers as many 'x' as its argument says, made in twice the space, after a first answer. */
#include <faas.h>

#include <stdlib.h>
#include <string.h>

int faas_main(const void *argument, size_t size)
{
	char digits[24] = "";
	void *space;

	if (size >= sizeof(digits))
		return faas_fail("too many digits");
	memcpy(digits, argument, size);
	size_t length = strtoul(digits, NULL, 10);
	int error = faas_answer_format("{}", length);
	if (!error)
		error = faas_answer_space(2 * length, &space);
	if (error)
		return error;
	memset(space, 'x', 2 * length);
	return faas_answer(space, length);
}
