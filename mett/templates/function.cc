// Deploy it with `mett deploy FILE`, invoke it with `mett invoke NAME world`.
#include <faas.h>

#include <string>

// The argument's bytes come in, the answer's go out; what is printed is the log.
int faas_main(const void *argument, size_t size)
{
	if (!size)
		return faas_fail_text("whom shall I greet? give a name as the argument");
	std::string answer =
		"Hello, " + std::string(static_cast<const char *>(argument), size) + "!";
	return faas_answer(answer.data(), answer.size());
}
