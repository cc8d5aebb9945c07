/*
 * What a program finds in its environment: what its action was granted, which is all there
 * is in ours, and what we tell it, unless that has the same name.
 */
#include "private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void environment_begin(struct environment *ret)
{
	ret->count = ret->told = 0;
	for (char **granted = environ; *granted && ret->count < GRANTED_MAX; granted++)
		ret->list[ret->count++] = *granted;
	ret->list[ret->count] = NULL;
	environment_add(ret, "PATH", "/usr/local/bin:/usr/bin:/bin");
	environment_add(ret, "HOME", "/");
	environment_add(ret, "LANG", "C.UTF-8");
}

void environment_add(struct environment *environment, const char *key, const char *format, ...)
{
	char *text = environment->text[environment->told];
	va_list args;

	if (getenv(key))
		return;
	int length = snprintf(text, VARIABLE_MAX, "%s=", key);
	va_start(args, format);
	vsnprintf(text + length, VARIABLE_MAX - (size_t)length, format, args);
	va_end(args);
	environment->told++;
	environment->list[environment->count++] = text;
	environment->list[environment->count] = NULL;
}
