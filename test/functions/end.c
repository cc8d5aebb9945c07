/* Ends as its argument says: abort, assert, exit, quick, negative, memory, message, or well. */
#include "hostile.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int faas_main(const void *argument, size_t size)
{
	printf("to be flushed");
	if (hostile_is(argument, size, "abort"))
		abort();
	assert(!hostile_is(argument, size, "assert"));
	if (hostile_is(argument, size, "exit"))
		exit(3);
	if (hostile_is(argument, size, "quick"))
		_exit(4);
	if (hostile_is(argument, size, "negative"))
		return -ENOENT;
	if (hostile_is(argument, size, "memory"))
		return -ENOMEM;
	if (hostile_is(argument, size, "message")) {
		faas_fail("{} times {}", 6, "seven");
		return 42;
	}
	return faas_answer_text("well");
}
