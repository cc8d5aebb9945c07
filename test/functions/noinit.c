/* Does not start. */
#include <faas.h>

int faas_init(void)
{
	return faas_fail("no model of {} dimensions", 3);
}

int faas_main(const void *argument, size_t size)
{
	return 0;
}
