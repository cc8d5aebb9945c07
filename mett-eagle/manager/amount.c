#include "amount.h"

#include <libfmt/fmt.h>

struct unit {
	const char *name;
	unsigned next; /* so many are one of the next; 0: it is the last */
};

static const char *put(uint64_t number, const struct unit *unit, char ret[static AMOUNT_MAX])
{
	for (; unit->next && number && number % unit->next == 0; unit++)
		number /= unit->next;
	fmt_format(ret, AMOUNT_MAX, "{} {}", number, unit->name);
	return ret;
}

const char *amount_of_time(uint64_t us, char ret[static AMOUNT_MAX])
{
	static const struct unit units[] = {{"us", 1000}, {"ms", 1000}, {"s", 0}};

	return put(us, units, ret);
}

const char *amount_of_memory(uint64_t bytes, char ret[static AMOUNT_MAX])
{
	static const struct unit units[] = {{"B", 1024}, {"KiB", 1024}, {"MiB", 1024}, {"GiB", 0}};

	return put(bytes, units, ret);
}
