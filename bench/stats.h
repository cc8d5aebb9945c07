#pragma once

/* From samples to figures. Nothing here keeps state. */
#include <stdint.h>

enum { ROUNDS_MAX = 25 };

/** stats_sort() - @count samples by value */
void stats_sort(int64_t *samples, unsigned count);

/** stats_percentile() - by nearest rank, of sorted samples; 0 without any */
int64_t stats_percentile(const int64_t *sorted, unsigned count, double percent);

/** stats_median() - of up to ROUNDS_MAX rounds; 0 without any */
double stats_median(const double *rounds, unsigned count);

/** stats_least(), stats_most() - of at least one round */
double stats_least(const double *rounds, unsigned count);
double stats_most(const double *rounds, unsigned count);

/** stats_sum() */
double stats_sum(const double *rounds, unsigned count);
