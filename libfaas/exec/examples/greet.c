/* Greets a name, and has another action, in another language, say it: see chain.py. */
#include <faas.h>

int faas_main(const void *argument, size_t size)
{
	struct mett_result result;
	char greeting[128];

	int length =
		fmt_format(greeting, sizeof(greeting), "Hello, {}!", fmt_bytes(argument, size));
	if (length < 0 || length >= (int)sizeof(greeting))
		return faas_fail("that name is too long");
	if (faas_invoke("shout", greeting, (size_t)length, NULL, &result))
		return faas_fail("cannot shout: {}", result.error.message);
	int error = faas_answer(result.answer, result.answer_size);
	mett_result_deinit(&result);
	return error;
}
