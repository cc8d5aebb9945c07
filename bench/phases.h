#pragma once

/* Phases: where the time of an invocation goes, by the times its result tells. */
#include <stdint.h>

#include <mett-eagle/base.h>

enum phase {
	PHASE_SEND,          /* call to the server's beginning */
	PHASE_CREATE_WORKER, /* until the worker runs */
	PHASE_RUNTIME,       /* until the function is entered */
	PHASE_FUNCTION,
	PHASE_END_RUNTIME,   /* until the answer is handed over */
	PHASE_DELETE_WORKER, /* until the server has it */
	PHASE_RECEIVE,       /* until the call returns */
	PHASE_WHOLE,
	PHASE_COUNT
};

/** struct phases - nanoseconds of many invocations; all zero is an empty one */
struct phases {
	int64_t *samples[PHASE_COUNT];
	unsigned count, room;
};

/** phases_note() - take one invocation down; without memory the run fails */
void phases_note(struct phases *phases, uint64_t start, const struct mett_metadata *times,
                 uint64_t end);

/** phases_sort() - each phase's samples by value, once all are there */
void phases_sort(struct phases *phases);

/** phases_deinit() */
void phases_deinit(struct phases *phases);

/** phase_name() - as mett-eagle-client has it; static */
const char *phase_name(enum phase phase);
