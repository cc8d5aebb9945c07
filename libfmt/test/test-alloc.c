/* Formatting into a buffer or to a descriptor must not touch the heap. */
#include "libfmt/fmt.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <stdlib.h>
#include <unistd.h>

static bool forbidden;

/* Defined here they replace the C library's own, for its internal use too. */
#define FORBID()                                                                                   \
	do {                                                                                       \
		if (forbidden)                                                                     \
			abort();                                                                   \
	} while (0)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
	FORBID();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	FORBID();
	return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	FORBID();
	return __libc_realloc(memory, size);
}

TEST(numbers_allocate_nothing)
{
	long double values[] = {0, 0.1L, 1e300L, DBL_MAX, DBL_TRUE_MIN, LDBL_MAX, LDBL_TRUE_MIN};
	char text[64];

	forbidden = true;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		CHECK(fmt_format(text, sizeof(text), "{0} {0:f} {0:e} {0:g} {0:a}", values[i]) > 0);
		CHECK(fmt_format(text, sizeof(text), "{0} {0:f} {0:e} {0:g} {0:a}",
		                 (double)values[i]) > 0);
		CHECK(fmt_format(text, sizeof(text), "{0:.100000f} {0:.100000e} {0:.100000a}",
		                 values[i]) > 0);
	}
	forbidden = false;
}

TEST(texts_and_times_allocate_nothing)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), numbers[] = {1, 2};
	struct timespec now = {.tv_sec = 1700000000};
	struct tm tm = {.tm_mday = 1};
	struct fmt_error error;

	CHECK(fd >= 0);
	forbidden = true;
	CHECK(fmt_dprint(fd, "{:100000} {:?} {}", "a", "b\n", fmt_array(numbers)) > 0);
	CHECK(fmt_dprint(fd, "{:%c %Z} {:>40%c}", now, &tm) > 0);
	CHECK_EQ(fmt_check(&error, "{", 1), -EINVAL);
	forbidden = false;
	close(fd);
}
