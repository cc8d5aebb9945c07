/* Calls itself until its stack is used up. */
#include <faas.h>

static volatile int endless = 1;

static __attribute__((noinline)) int deeper(volatile char *above)
{
	volatile char here[512];

	here[0] = above[0];
	if (endless)
		here[1] = (char)deeper(here);
	return here[0] + here[1];
}

int faas_main(const void *argument, size_t size)
{
	volatile char bottom = 1;

	return deeper(&bottom);
}
