#pragma once

/*
 * Windows: memory shared by the server and one client, or the server and one
 * worker. The other side can write anything to it at any time: sizes and types
 * come in messages, never from here, and what is here is copied before it is
 * believed.
 */
#include <mett-eagle/worker.h>

#include <stdatomic.h>

/* What one invocation passes, from the caller's point of view. */
struct window_slot {
	unsigned char argument[METT_INLINE_MAX];
	unsigned char answer[METT_INLINE_MAX];
};

enum { WINDOW_REAPED = 256 };

/* Rows are written before `count` says so. Row n is at n % WINDOW_REAPED. */
struct client_window {
	_Atomic uint64_t reaped_count;
	struct {
		_Atomic uint64_t activation;
		_Atomic uint64_t time_ns;
	} reaped[WINDOW_REAPED];
	_Alignas(4096) struct window_slot slot[METT_IN_FLIGHT_MAX];
};

/* Notes a worker leaves for the server; hints, which explain its end and decide nothing. */
enum window_note {
	WINDOW_NOTE_MEMORY = 1, /* an allocation failed for want of memory */
};

/*
 * `turn` is what a parked worker sleeps on: it counts the activations this worker
 * has been given, and starts at 0.
 */
struct worker_window {
	_Atomic uint32_t turn;
	_Atomic uint32_t notes;
	uint32_t keep; /* 1: park again after the exit (policy reuse) */
	uint32_t reserved;
	uint64_t size;        /* of the argument */
	uint64_t payload_max; /* largest answer */
	struct mett_activation activation;
	_Alignas(4096) struct window_slot serve; /* the activation this worker serves */
	struct window_slot call;                 /* an invocation it makes */
};
