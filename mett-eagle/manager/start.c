#include "start.h"

#include <libfmt/fmt.h>

#include <system/ipc.h>

#include "amount.h"

#define MS_NS ((uint64_t)1000000)
#define MS_US ((uint64_t)1000)

int start_await(struct start *start, struct timers *timers, bool begun)
{
	uint64_t patience_ms = begun ? METT_START_TIMEOUT_MS : METT_LAUNCH_TIMEOUT_MS;

	start->begun = begun;
	return timers_arm(timers, &start->timer, sys_clock_ns() + patience_ms * MS_NS);
}

void start_late(const struct start *start, const char *what, char why[METT_MESSAGE_MAX])
{
	char limit[AMOUNT_MAX];

	if (start->begun)
		fmt_format(why, METT_MESSAGE_MAX,
		           "{} was not ready within {}; look for what its start waits for", what,
		           amount_of_time(METT_START_TIMEOUT_MS * MS_US, limit));
	else
		fmt_format(why, METT_MESSAGE_MAX,
		           "{} was not begun within {}, so many others were before it; try later",
		           what, amount_of_time(METT_LAUNCH_TIMEOUT_MS * MS_US, limit));
}
