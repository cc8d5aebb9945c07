#include "histogram.h"

#include <math.h>

enum { SHIFT = 4 };

/* Below 16 each has its own; then the power of two, and its next four bits. */
static unsigned bucket_of(uint64_t ns)
{
	if (ns < HISTOGRAM_PARTS)
		return (unsigned)ns;
	unsigned power = 63 - (unsigned)__builtin_clzll(ns);
	return (power - SHIFT) * HISTOGRAM_PARTS + (unsigned)(ns >> (power - SHIFT));
}

uint64_t histogram_edge(unsigned bucket)
{
	if (bucket < 2 * HISTOGRAM_PARTS)
		return bucket + 1;
	unsigned power = bucket / HISTOGRAM_PARTS - 1;
	uint64_t part = bucket % HISTOGRAM_PARTS + HISTOGRAM_PARTS + 1;

	return part > UINT64_MAX >> power ? UINT64_MAX : part << power;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	if (!histogram->total || ns < histogram->least)
		histogram->least = ns;
	if (ns > histogram->most)
		histogram->most = ns;
	histogram->total++;
	histogram->count[bucket_of(ns)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->total)
		return;
	if (!into->total || from->least < into->least)
		into->least = from->least;
	if (from->most > into->most)
		into->most = from->most;
	into->total += from->total;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->count[i] += from->count[i];
}

unsigned counts_rank(const uint64_t *count, unsigned buckets, double percent)
{
	uint64_t total = 0, seen = 0;
	unsigned bucket = 0;

	for (unsigned i = 0; i < buckets; i++)
		total += count[i];
	uint64_t rank = (uint64_t)ceil((double)total * percent / 100);
	for (; bucket < buckets - 1; bucket++) {
		seen += count[bucket];
		if (seen && seen >= rank)
			break;
	}
	return bucket;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	if (!histogram->total)
		return 0;
	uint64_t edge = histogram_edge(counts_rank(histogram->count, HISTOGRAM_BUCKETS, percent));

	/* None was longer than the longest. */
	return edge - 1 < histogram->most ? edge - 1 : histogram->most;
}
