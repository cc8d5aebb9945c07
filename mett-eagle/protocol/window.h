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

/* Where each page of a window that is used again costs time, touched or not, there is less room. */
#ifndef METT_WINDOW_ROOM
#define METT_WINDOW_ROOM (4 << 20)
#endif

enum { WINDOW_REAPED = 256, WINDOW_LANES = 1024, WINDOW_ROOM = METT_WINDOW_ROOM };

/*
 * What a call by lane passes when it is more than a slot holds. Memory that nobody
 * has touched is not there: only lanes that pass large payloads cost more than small ones.
 */
struct window_room {
	unsigned char argument[WINDOW_ROOM];
	unsigned char answer[WINDOW_ROOM];
};

/*
 * Lane: a parked worker that the client may wake itself. Client and worker then
 * share that worker's window, and the server is not on the way. Who may use the
 * lane is settled by one word in the client's window, out of the worker's reach:
 *
 *	server		armed -> none		it needs the worker itself
 *	client		armed -> claimed	writes the argument
 *	client		claimed -> begun	wakes the worker
 *	client		begun -> used		has the answer (or -> armed, if it keeps)
 *	server		claimed -> none		it never was; the client asks the server
 *	server		begun -> none		makes it an invocation like any other
 *	server		begun -> used		nobody shall keep it; the answer stands
 *	client		used -> used		the same without its tag: it has that answer
 *	server		none -> coming		has ordered the lane's next worker
 */
enum lane_state { LANE_NONE, LANE_COMING, LANE_ARMED, LANE_CLAIMED, LANE_BEGUN, LANE_USED };

/** lane_word() - generation tells the workers' windows of one lane apart */
static inline uint64_t lane_word(enum lane_state state, uint32_t generation, uint32_t slot,
                                 uint32_t tag)
{
	return (uint64_t)state << 56 | (uint64_t)(slot & 0xff) << 48 |
	       (uint64_t)(generation & 0xffff) << 32 | tag;
}

static inline enum lane_state lane_state(uint64_t word)
{
	return (enum lane_state)(word >> 56);
}

/** lane_with() - the same word in another state */
static inline uint64_t lane_with(uint64_t word, enum lane_state state)
{
	return (word & ~((uint64_t)0xff << 56)) | (uint64_t)state << 56;
}

struct window_lane {
	_Atomic uint64_t word;
	_Atomic uint64_t id;    /* of the lane's next activation */
	_Atomic uint64_t calls; /* that this lane has served; counted by the client */
	uint64_t reserved;
};

/*
 * Lane from one worker to another, which serves nobody else: the caller has that one's
 * window mapped. It ends with its caller.
 */
struct window_callee {
	struct window_lane lane;
	char name[METT_NAME_MAX + 8]; /* of its action */
};

/* Rows are written before `count` says so. Row n is at n % WINDOW_REAPED. */
struct client_window {
	_Atomic uint64_t reaped_count;
	struct {
		_Atomic uint64_t activation;
		_Atomic uint64_t time_ns;
	} reaped[WINDOW_REAPED];
	struct window_lane lane[WINDOW_LANES];
	_Atomic uint32_t armed;   /* how many times a lane was; a client that waits sleeps on it */
	_Atomic uint32_t waiting; /* 1: one does */
	_Alignas(4096) struct window_slot slot[METT_IN_FLIGHT_MAX];
};

/* Notes a worker leaves for the server; hints, which explain its end and decide nothing. */
enum window_note {
	WINDOW_NOTE_MEMORY = 1, /* an allocation failed for want of memory */
};

/*
 * How far a call by lane is; shared by client, worker and server. Whoever moves it
 * from RUNNING decides: the worker has answered, or the server is to see to it and
 * the outcome comes as of any invocation. With the tag of the claim, so that what
 * is left of an earlier call is never taken for this one's.
 */
enum window_call_state { CALL_NONE, CALL_RUNNING, CALL_ANSWERED, CALL_TAKEN };

static inline uint32_t window_call(enum window_call_state state, uint32_t tag)
{
	return tag << 2 | state;
}

static inline enum window_call_state window_call_state(uint32_t call)
{
	return (enum window_call_state)(call & 3);
}

/* What a worker answers by lane; the bytes are in the slot. */
struct window_reply {
	uint64_t size;
	struct mett_metadata times; /* start_runtime .. end_runtime */
};

/**
 * window_times() - what a worker told of its times, start_runtime .. end_runtime
 * @start_ns: when it was given the activation
 * @most_ns:  now
 *
 * They are only as good as who wrote them: brought into their order, and within what
 * the reader saw itself.
 */
static inline void window_times(struct mett_metadata *ret, const struct mett_metadata *told,
                                uint64_t start_ns, uint64_t most_ns)
{
	const uint64_t from[] = {told->start_runtime, told->start_function, told->end_function,
	                         told->end_runtime};
	uint64_t *to[] = {&ret->start_runtime, &ret->start_function, &ret->end_function,
	                  &ret->end_runtime};
	uint64_t least = start_ns;

	for (unsigned i = 0; i < 4; i++) {
		least = from[i] > least ? from[i] : least;
		least = least < most_ns ? least : most_ns;
		*to[i] = least;
	}
}

/*
 * How much of its room the next call will likely use, in whole pages: a worker makes
 * them its own before it parks.
 */
struct window_warm {
	uint32_t argument;
	uint32_t answer;
};

/*
 * `turn` is what a parked worker sleeps on: it counts the activations this worker
 * has been given, and starts at 0.
 */
struct worker_window {
	_Atomic uint32_t turn;
	_Atomic uint32_t notes;
	uint32_t keep;         /* 1: park again after the exit (policy reuse) */
	uint32_t stay;         /* 1: when it has answered by lane, it waits to be ended */
	_Atomic uint32_t call; /* window_call() */
	uint64_t size;         /* of the argument */
	uint64_t payload_max;  /* largest answer */
	uint64_t start_ns;     /* when the client woke it */
	uint64_t timeout_us;   /* of a call by lane that has no other; 0: none */
	uint64_t limit_us;     /* of this call by lane; 0: none */
	uint32_t by_lane;      /* 1: the client woke it */
	struct window_warm warm;
	struct mett_activation activation;
	struct window_reply reply;
	struct window_callee callee;             /* that this worker may call */
	_Alignas(4096) struct window_slot serve; /* the activation this worker serves */
	struct window_slot nested;               /* an invocation it makes */
	struct window_room room;                 /* the same as `serve` where that is too small */
};
