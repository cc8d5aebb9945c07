/*
 * Makes one system call: its argument is the number and up to six arguments, in
 * any base, after "i386" by the gate of 32-bit programs. Answers the errno, or 0
 * when it succeeded; unless it is killed for it.
 */
#include "hostile.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static long call_i386(const long *n)
{
	long result;

	__asm__ volatile("int $0x80"
	                 : "=a"(result)
	                 : "a"(n[0]), "b"(n[1]), "c"(n[2]), "d"(n[3])
	                 : "memory", "r8", "r9", "r10", "r11");
	return result < 0 ? -1 : result;
}

static void take_numbers(const char *text, long ret[7])
{
	char *end;

	for (int i = 0; i < 7; i++, text = end)
		ret[i] = (long)strtoull(text, &end, 0);
}

int faas_main(const void *argument, size_t size)
{
	static const char other[] = "i386 ";
	char text[256] = "";
	long n[7], result;
	pid_t self = getpid();

	memcpy(text, argument, size < sizeof(text) ? size : sizeof(text) - 1);
	if (!strncmp(text, other, strlen(other))) {
		take_numbers(text + strlen(other), n);
		result = call_i386(n);
	} else {
		take_numbers(text, n);
		result = syscall(n[0], n[1], n[2], n[3], n[4], n[5], n[6]);
	}
	/* A process more, which has nothing to say. */
	if (result == 0 && getpid() != self)
		_exit(0);
	return faas_answer_format("{}", result < 0 ? errno : 0);
}
