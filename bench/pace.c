#include "pace.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include <system/ipc.h>

void pace_sleep_until(uint64_t time_ns)
{
	struct timespec until = {(time_t)(time_ns / 1000000000), (long)(time_ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

int pace_stay(int pid, unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(pid, sizeof(set), &set) < 0 ? -errno : 0;
}

int pace_run(const struct load *load, pace_call *call, void *data, int64_t *samples,
             uint64_t *ret_elapsed)
{
	for (unsigned i = 0; i < load->warm_up; i++) {
		int64_t took = call(data);

		if (took < 0)
			return (int)took;
	}
	uint64_t start = sys_clock_ns(), next = start;
	for (unsigned i = 0; i < load->count; i++) {
		if (load->pace_ns) {
			uint64_t now = sys_clock_ns();

			next = next + load->pace_ns > now ? next + load->pace_ns : now;
			pace_sleep_until(next);
		}
		samples[i] = call(data);
		if (samples[i] < 0)
			return (int)samples[i];
	}
	*ret_elapsed = sys_clock_ns() - start;
	return 0;
}
