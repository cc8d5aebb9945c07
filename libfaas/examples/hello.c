/* Greets whom it is given: "Hello, world!" for "world". */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	if (!size)
		return faas_fail("whom shall I greet? give a name as the argument");
	return faas_answer_format("Hello, {}!", fmt_bytes(argument, size));
}
