#pragma once

/* Histogram of durations: exact below 4 ns, then four buckets to each power of two. */
#include <stdint.h>

/** latency_bucket() - where a duration is counted; mett_latency_ns() is the way back */
unsigned latency_bucket(uint64_t ns);
