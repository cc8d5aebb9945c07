#include "latency.h"

#include <mett-eagle/client.h>

unsigned latency_bucket(uint64_t ns)
{
	if (ns < 4)
		return (unsigned)ns;
	unsigned exponent = 63 - (unsigned)__builtin_clzll(ns);
	unsigned bucket = (exponent - 1) * 4 + (ns >> (exponent - 2) & 3);

	return bucket < METT_LATENCY_BUCKETS ? bucket : METT_LATENCY_BUCKETS - 1;
}

uint64_t mett_latency_ns(unsigned bucket)
{
	if (bucket >= METT_LATENCY_BUCKETS - 1)
		return UINT64_MAX;
	if (bucket < 4)
		return bucket;
	return ((uint64_t)(5 + bucket % 4) << (bucket / 4 - 1)) - 1;
}
