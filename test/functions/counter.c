/* Answers how many activations this process has begun: 1 means that it is fresh. */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	static unsigned count;

	return faas_answer_format("{}", ++count);
}
