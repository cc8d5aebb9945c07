#include "fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

void fail(const char *what, int64_t error)
{
	fmt_print(stderr, "bench: {}: {}\n", what, strerror((int)-error));
	exit(1);
}

void fail_mett(const char *what, const struct mett_error *error)
{
	fmt_print(stderr, "bench: {}: {}\n", what, error->message);
	exit(1);
}
