#pragma once

/*
 * Histogram of durations: 16 buckets each power of two of nanoseconds, so what it tells is
 * at most a sixteenth too high. Adding costs one increment.
 */
#include <stdint.h>

enum { HISTOGRAM_PARTS = 16, HISTOGRAM_BUCKETS = 61 * HISTOGRAM_PARTS };

struct histogram {
	uint64_t count[HISTOGRAM_BUCKETS];
	uint64_t total, least, most; /* ns, but for total */
};

/** histogram_add() - count one duration, in nanoseconds */
void histogram_add(struct histogram *histogram, uint64_t ns);

/** histogram_merge() - count in what another has */
void histogram_merge(struct histogram *into, const struct histogram *from);

/** histogram_edge() - the upper edge of a bucket, in nanoseconds: the first that is not in it */
uint64_t histogram_edge(unsigned bucket);

/** histogram_percentile() - by nearest rank; @percent up to 100, as 99.9; 0 of an empty one */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/**
 * counts_rank() - bucket in which the percentile of any counts lies
 * @count:   of each bucket, in rising order
 * @buckets: their number, at least 1
 */
unsigned counts_rank(const uint64_t *count, unsigned buckets, double percent);
