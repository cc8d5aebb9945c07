#include "phases.h"

#include <errno.h>
#include <stdlib.h>

#include "fail.h"
#include "stats.h"

const char *phase_name(enum phase phase)
{
	static const char *const names[] = {
		"send",        "create worker", "runtime", "function",
		"end runtime", "delete worker", "receive", "whole",
	};

	return names[phase];
}

static void grow(struct phases *phases)
{
	unsigned room = phases->room ? 2 * phases->room : 4096;

	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		phases->samples[i] = reallocarray(phases->samples[i], room, sizeof(int64_t));
		if (!phases->samples[i])
			fail("phases", -ENOMEM);
	}
	phases->room = room;
}

void phases_note(struct phases *phases, uint64_t start, const struct mett_metadata *times,
                 uint64_t end)
{
	const uint64_t bounds[] = {
		start,
		times->start_worker,
		times->start_runtime,
		times->start_function,
		times->end_function,
		times->end_runtime,
		times->end_worker,
		end,
	};

	_Static_assert(sizeof(bounds) / sizeof(*bounds) == PHASE_WHOLE + 1, "a bound is missing");
	if (phases->count == phases->room)
		grow(phases);
	for (unsigned i = 0; i < PHASE_WHOLE; i++)
		phases->samples[i][phases->count] = (int64_t)(bounds[i + 1] - bounds[i]);
	phases->samples[PHASE_WHOLE][phases->count] = (int64_t)(end - start);
	phases->count++;
}

void phases_sort(struct phases *phases)
{
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		if (phases->count)
			stats_sort(phases->samples[i], phases->count);
}

void phases_deinit(struct phases *phases)
{
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		free(phases->samples[i]);
	*phases = (struct phases){0};
}
