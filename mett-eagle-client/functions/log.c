/* Writes its argument to stdout and to stderr, line by line, and answers how many lines. */
#include <faas.h>

#include <string.h>

int faas_main(const void *argument, size_t size)
{
	const char *line = argument, *end = line + size;
	unsigned count = 0;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((newline ? newline : end) - line);

		fmt_print(stdout, "out: {}\n", fmt_bytes(line, length));
		fmt_print(stderr, "err: {}\n", fmt_bytes(line, length));
		line += length + 1;
		count++;
	}
	return faas_answer_format("{}", count);
}
