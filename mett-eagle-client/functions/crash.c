/* Writes to where nothing is. */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
	return 0;
}
