/* Logs sixteen megabytes, and answers. */
#include <faas.h>

enum { LINES = 16 << 20 >> 6 };

int faas_main(const void *argument, size_t size)
{
	for (int i = 0; i < LINES; i++)
		fmt_print(stdout, "{:063}\n", i);
	return faas_answer_text("done");
}
