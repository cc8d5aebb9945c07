/* Answers its argument. */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	return faas_answer(argument, size);
}
