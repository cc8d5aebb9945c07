#include "stats.h"

#include <stdlib.h>
#include <string.h>

static int by_sample(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static int by_round(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

void stats_sort(int64_t *samples, unsigned count)
{
	qsort(samples, count, sizeof(*samples), by_sample);
}

int64_t stats_percentile(const int64_t *sorted, unsigned count, double percent)
{
	double rank = percent / 100 * count;
	unsigned whole = (unsigned)rank;

	if (!count)
		return 0;
	/* The least sample that as many are not above; rank 1 is the first. */
	whole += rank > whole;
	return sorted[whole ? whole - 1 : 0];
}

double stats_median(const double *rounds, unsigned count)
{
	double sorted[ROUNDS_MAX];

	if (!count)
		return 0;
	memcpy(sorted, rounds, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_round);
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

double stats_least(const double *rounds, unsigned count)
{
	double least = rounds[0];

	for (unsigned i = 1; i < count; i++)
		least = rounds[i] < least ? rounds[i] : least;
	return least;
}

double stats_most(const double *rounds, unsigned count)
{
	double most = rounds[0];

	for (unsigned i = 1; i < count; i++)
		most = rounds[i] > most ? rounds[i] : most;
	return most;
}

double stats_sum(const double *rounds, unsigned count)
{
	double sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += rounds[i];
	return sum;
}
