// Greets whom it is given: "Hello, world!" for "world".
#include <faas.h>

#include <string>

int faas_main(const void *argument, size_t size)
{
	if (!size)
		return faas_fail_text("whom shall I greet? give a name as the argument");
	std::string answer =
		"Hello, " + std::string(static_cast<const char *>(argument), size) + "!";
	return faas_answer(answer.data(), answer.size());
}
