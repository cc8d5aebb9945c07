/* Answers with the variable of its environment that its argument names. For mett-eagle-check. */
#include <faas.h>
#include <stdlib.h>
#include <string.h>

int faas_main(const void *argument, size_t size)
{
	char name[64];

	if (size >= sizeof(name))
		return faas_fail_text("that name is too long");
	memcpy(name, argument, size);
	name[size] = 0;
	const char *value = getenv(name);

	return value ? faas_answer_text(value) : faas_fail_text("there is no such variable");
}
