/* Where text goes: buffers, streams, descriptors, strings. */
#include "libfmt/fmt.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TEST(buffer_is_never_overrun)
{
	const char *want = "abc 漢1 1.5";
	int length = (int)strlen(want);

	for (size_t size = 0; size <= (size_t)length + 2; size++) {
		size_t held = size == 0 ? 0 : size > (size_t)length ? (size_t)length : size - 1;
		char text[64];

		memset(text, '#', sizeof(text));
		CHECK_EQ(fmt_format(text, size, "{} {}{} {}", "abc", "漢", 1, 1.5), length);
		CHECK(memcmp(text, want, held) == 0);
		CHECK(size == 0 || text[held] == 0);
		CHECK_EQ(text[size], '#');
	}
	CHECK_EQ(fmt_format(NULL, 0, "{}", 12), 2);
}

TEST(an_error_leaves_an_empty_buffer)
{
	char text[] = "before";

	CHECK_EQ(fmt_format(text, sizeof(text), "ab{", 1), -EINVAL);
	CHECK_STR(text, "");
}

static int pipe_read(int fds[2], char *text, size_t size)
{
	ssize_t got = 0, n;

	close(fds[1]);
	while ((n = read(fds[0], text + got, size - (size_t)got)) > 0)
		got += n;
	close(fds[0]);
	return (int)got;
}

TEST(descriptor)
{
	char text[20000];
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(fmt_dprint(fds[1], "{}\n", 1), 2);
	CHECK_EQ(fmt_dprint(fds[1], "{:5000}|{:*<5000}", "", ""), 10001);
	CHECK_EQ(fmt_dprint(fds[1], "{:5000}{", ""), -EINVAL); /* not a byte of it */
	CHECK_EQ(fmt_dprint(fds[1], ""), 0);
	CHECK_EQ(fmt_dprint(-1, "{}", 1), -EBADF);
	CHECK_EQ(fmt_dprint(-1, "{:5000}", 1), -EBADF);
	CHECK_EQ(pipe_read(fds, text, sizeof(text)), 10003);
	CHECK(memcmp(text, "1\n   ", 5) == 0);
	CHECK(memcmp(text + 5000, "  |***", 6) == 0);
	CHECK_EQ(text[10002], '*');
}

TEST(stream)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size), *full = fopen("/dev/full", "we");

	CHECK(file && full);
	CHECK_EQ(fmt_print(file, "{} ", "a"), 2);
	CHECK_EQ(fmt_print(file, "{:3000}", 1), 3000);
	CHECK_EQ(fmt_print(file, "no {:s}", 1), -EINVAL);
	fclose(file);
	CHECK_EQ(size, 3002);
	CHECK_EQ(strspn(text + 2, " "), 2999);
	CHECK_EQ(text[3001], '1');
	free(text);
	setbuf(full, NULL);
	CHECK_EQ(fmt_print(full, "{}", 1), -ENOSPC);
	fclose(full);
}

TEST(string)
{
	struct fmt_string string = {0};

	CHECK_EQ(fmt_append(&string, ""), 0);
	CHECK_STR(string.data, "");
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(fmt_append(&string, "{:03}", i), 3);
	CHECK_EQ(fmt_append(&string, "{:s}", 1), -EINVAL);
	CHECK_EQ(string.length, 3000);
	CHECK_EQ(strlen(string.data), 3000);
	CHECK_STR(string.data + 2994, "998999");
	fmt_string_deinit(&string);
	CHECK(!string.data && !string.length && !string.capacity);
}
