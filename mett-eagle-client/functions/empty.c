/* Does nothing, and answers nothing: what is left is the platform's own time. */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	return 0;
}
