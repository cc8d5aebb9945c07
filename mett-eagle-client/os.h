#pragma once

/* What the client needs of the system besides C and POSIX. */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#ifdef L4API_l4f
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/kip.h>
#include <l4/sys/scheduler.h>
#include <pthread-l4.h>

/** os_clock_ns() - the clock of all times of the platform */
static inline uint64_t os_clock_ns(void)
{
	return l4_kip_clock_ns(l4re_kip());
}

/** os_sleep_until() - on that clock; may return early */
static inline void os_sleep_until(uint64_t time_ns)
{
	uint64_t now = os_clock_ns(), rest = time_ns > now ? time_ns - now : 0;

	if (rest)
		l4_ipc_sleep(l4_timeout(L4_IPC_TIMEOUT_0,
		                        l4_timeout_from_us((uint32_t)(rest / 1000 + 1))));
}

/** os_is_terminal() - is there somebody at this descriptor who looks on? */
static inline bool os_is_terminal(int fd)
{
	(void)fd; /* a log, which takes everything */
	return false;
}

/** os_pin() - keep the calling thread on a core; false: it may run where it likes */
static inline bool os_pin(unsigned core)
{
	l4_sched_param_t param = l4_sched_param(2, 0);

	param.affinity = l4_sched_cpu_set(core, 0, 1);
	return !l4_error(l4_scheduler_run_thread(l4re_env()->scheduler,
	                                         pthread_l4_cap(pthread_self()), &param));
}
#else
#include <sched.h>
#include <unistd.h>

static inline bool os_is_terminal(int fd)
{
	return isatty(fd);
}

static inline uint64_t os_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline void os_sleep_until(uint64_t time_ns)
{
	struct timespec until = {(time_t)(time_ns / 1000000000), (long)(time_ns % 1000000000)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static inline bool os_pin(unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (core >= CPU_SETSIZE)
		return false;
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}
#endif
