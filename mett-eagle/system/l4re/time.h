#pragma once

#include <l4/sys/types.h>
#include <stdint.h>

/** time_until() - timeout of a receive that ends at @deadline_ns on sys_clock_ns(); 0: never */
l4_timeout_t time_until(uint64_t deadline_ns);
