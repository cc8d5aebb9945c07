#include "time.h"

#include <l4/re/env.h>
#include <l4/sys/kip.h>
#include <time.h>

#include "../ipc.h"

enum { SLICE_US = 1000000000 }; /* callers wait again, as any wait may end early */

uint64_t sys_clock_ns(void)
{
	return l4_kip_clock_ns(l4re_kip());
}

/* Where nobody has set the clock, it counts from the start of the machine. */
uint64_t sys_calendar_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

l4_timeout_t time_until(uint64_t deadline_ns)
{
	uint64_t now, us;

	if (!deadline_ns)
		return L4_IPC_NEVER;
	now = sys_clock_ns();
	if (now >= deadline_ns)
		return l4_timeout(L4_IPC_TIMEOUT_0, L4_IPC_TIMEOUT_0);
	us = (deadline_ns - now + 999) / 1000;
	return l4_timeout(L4_IPC_TIMEOUT_0, l4_timeout_from_us(us < SLICE_US ? us : SLICE_US));
}
