/* Never ends. */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	for (;;)
		__asm__ volatile("");
}
