#include "check.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void set(struct check *check,
                                                      enum check_verdict verdict, const char *mend,
                                                      const char *found, va_list args)
{
	check->verdict = verdict;
	snprintf(check->mend, sizeof(check->mend), "%s", mend);
	vsnprintf(check->found, sizeof(check->found), found, args);
}

void check_ok(struct check *check, const char *found, ...)
{
	va_list args;

	va_start(args, found);
	set(check, CHECK_OK, "", found, args);
	va_end(args);
}

void check_warn(struct check *check, const char *mend, const char *found, ...)
{
	va_list args;

	va_start(args, found);
	set(check, CHECK_WARN, mend, found, args);
	va_end(args);
}

void check_fail(struct check *check, const char *mend, const char *found, ...)
{
	va_list args;

	va_start(args, found);
	set(check, CHECK_FAIL, mend, found, args);
	va_end(args);
}

int check_read(const struct check_scene *scene, const char *path, char *ret, size_t size)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", scene->root, path);
	FILE *file = fopen(whole, "re");
	if (!file)
		return -errno;
	if (!fgets(ret, (int)size, file))
		*ret = 0;
	fclose(file);
	ret[strcspn(ret, "\n")] = 0;
	return 0;
}

long check_number(const struct check_scene *scene, const char *path, long otherwise)
{
	char text[64], *end;

	if (check_read(scene, path, text, sizeof(text)) < 0)
		return otherwise;
	long number = strtol(text, &end, 10);
	return end == text ? otherwise : number;
}
