/* Deploy it with `mett deploy FILE`, invoke it with `mett invoke NAME world`. */
#include <faas.h>

/* The argument's bytes come in, the answer's go out; what is printed is the log. */
int faas_main(const void *argument, size_t size)
{
	if (!size)
		return faas_fail("whom shall I greet? give a name as the argument");
	return faas_answer_format("Hello, {}!", fmt_bytes(argument, size));
}
