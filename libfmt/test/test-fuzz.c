/*
 * Random bytes as formats: whatever they are, the answer is a length or
 * -EINVAL, the buffer holds what it may, and asking again changes nothing.
 * Worth most under the sanitizers.
 */
#include "libfmt/fmt.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000000, FORMAT_SIZE = 40, TEXT_SIZE = 256 };

static uint64_t random_bits(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* Mostly what means something in a format, at times any byte. */
static void fill(char *format)
{
	static const char known[] =
		"{{{{}}}}}::::.0123456789<>^+-# xXdscpfgeaA?n%YTFEOS_ab\xc3\xa9";
	size_t length = random_bits() % (FORMAT_SIZE - 1);

	for (size_t i = 0; i < length; i++)
		format[i] = random_bits() % 8 ? known[random_bits() % (sizeof(known) - 1)]
		                              : (char)(random_bits() % 255 + 1);
	format[length] = 0;
}

static int user_format(struct fmt_writer *w, const char *spec, size_t length, const void *object)
{
	return fmt_put_field(w, spec, length, FMT_ARG(*(const double *)object));
}

/* Returns whether the format was right. */
static bool check(const char *format, const struct fmt_arg *args, size_t count)
{
	size_t size = random_bits() % TEXT_SIZE + 1;
	/* On the heap and of its exact size, so that the sanitizer sees one byte more. */
	char *copy = strdup(format), *text = malloc(size);
	struct fmt_error error = {0};
	int length = fmt_vformat(text, size, copy, args, count);

	CHECK(length >= 0 || length == -EINVAL || length == -EOVERFLOW);
	CHECK_EQ(strnlen(text, size) < size, 1);
	CHECK_EQ(fmt_vcheck(&error, copy, args, count), length);
	CHECK((length < 0) == (error.reason != NULL));
	CHECK(error.position <= strlen(copy));
	free(text);
	free(copy);
	return length >= 0;
}

TEST_TIMEOUT(random_formats, 300)
{
	static const char *const texts[] = {"a", "\n漢", ""};
	static const int numbers[] = {1, -2, 3};
	struct tm tm = {.tm_mday = 1};
	struct timespec now = {.tv_sec = 1700000000, .tv_nsec = 1};
	double real = 12.5;
	char c = 'c', format[FORMAT_SIZE];
	const struct fmt_arg all[] = {
		FMT_ARG(42),
		FMT_ARG(fmt_bytes("\xff\xc3\0 text", 8)),
		FMT_ARG(0.1),
		FMT_ARG(c),
		fmt_array(numbers),
		fmt_named("a", 7u),
		FMT_ARG(&tm),
		FMT_ARG(now),
		fmt_array(texts),
		fmt_user(&real, user_format),
		FMT_ARG("string"),
		FMT_ARG(1e4000L),
		FMT_ARG((void *)format),
		FMT_ARG(-((fmt_int128)1 << 100)),
	};
	const size_t total = sizeof(all) / sizeof(*all);
	int right = 0;

	for (int i = 0; i < ROUNDS; i++) {
		size_t first = random_bits() % total;

		fill(format);
		right += check(format, all + first, random_bits() % (total - first + 1));
	}
	CHECK(right > ROUNDS / 20);
	CHECK(right < ROUNDS / 2);
}
