// A function in C++. Throws what its argument says, "memory" only when there is none;
// answers its argument else.
#include <faas.h>

#include <stdexcept>
#include <string>
#include <vector>

static std::string greeting("initialised");

int faas_init()
{
	greeting += " and ";
	return 0;
}

int faas_main(const void *argument, size_t size)
{
	std::string text(static_cast<const char *>(argument), size);

	if (text == "memory")
		for (std::vector<std::vector<char>> all;;)
			all.emplace_back(1 << 20, 'a');
	if (text == "throw")
		throw std::runtime_error("thrown on purpose");
	text = greeting + text;
	return faas_answer(text.data(), text.size());
}
