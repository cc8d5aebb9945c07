#pragma once

/*
 * Inside of the client library. All that is below belongs to one client and is
 * used by one thread at a time.
 */
#include <mett-eagle/client.h>

#include "call/call.h"
#include "protocol/protocol.h"
#include "protocol/window.h"
#include "system/ipc.h"

#include <stdbool.h>

/* One slot of the window, and the invocation that uses it. */
struct invocation {
	uint32_t tag;   /* 0: slot is free */
	bool submitted; /* its outcome is for mett_client_complete() */
	bool done;      /* `result` is filled in */
	uint64_t token;
	struct mett_result result;
};

/* The client's side of a lane, see protocol/window.h. */
struct lane {
	struct worker_window *window; /* NULL: there is no such lane */
	uint64_t armed;               /* its word when it can be claimed */
	bool keep;
	uint16_t next; /* of the same bucket; WINDOW_LANES: none */
	uint16_t bucket;
	char name[METT_NAME_MAX + 1]; /* of the action */
};

enum { LANE_BUCKETS = 256 };

struct mett_client {
	sys_cap gate; /* SYS_NO_CAP: server is gone, and `gone` says why */
	struct mett_error gone;
	struct client_window *window;
	unsigned core;
	uint64_t payload_max;
	uint64_t reaped_seen;
	uint32_t last_tag;

	/* The descriptor for poll: it watches the gate, and `event` while outcomes are queued. */
	int poll_fd;
	int event;
	bool signalled;

	struct invocation slots[METT_IN_FLIGHT_MAX];
	unsigned in_flight; /* submitted, outcome not yet taken */

	struct lane *lanes; /* WINDOW_LANES of them; NULL: none yet */
	uint16_t lane_bucket[LANE_BUCKETS];

	/* Slots of submitted invocations that ended, oldest first. */
	uint8_t queue[METT_IN_FLIGHT_MAX];
	unsigned queue_head, queue_count;

	uint32_t asked;          /* tag of the request that is under way; 0: none */
	enum message_type reply; /* kind of its reply, once that is in `message` */
	size_t message_size;
	_Alignas(8) unsigned char message[MESSAGE_MAX];
};

/**
 * mett_error_set() - fill in why a call failed
 * @error: may be NULL
 *
 * Return: what the call is to return: the negative errno of @reason, or 0.
 */
__attribute__((format(printf, 4, 5))) int mett_error_set(struct mett_error *error,
                                                         enum mett_reason reason, int64_t detail,
                                                         const char *format, ...);

/** mett_error_clear() - say that there was no error; @error may be NULL; returns 0 */
int mett_error_clear(struct mett_error *error);

/** mett_error_take() - the same with a text the server sent; it can be empty and hold any byte */
int mett_error_take(struct mett_error *error, enum mett_reason reason, int32_t detail,
                    const char *text, size_t size);

/** mett_result_fail() - fill in the result of an invocation that gave no answer; returns as above
 */
int mett_result_fail(struct mett_result *ret, const struct mett_error *error);

/**
 * mett_result_take() - fill in a result from the server's message
 * @done:        the message; its sizes of text and log are known to be right
 * @answer:      where the answer is unless it is larger than @room; others can write to it
 * @room:        in bytes
 * @large:       capability that came along; stays the caller's
 * @payload_max: largest answer the server may send
 *
 * Return: false when the message contradicts itself. Lack of memory is an outcome.
 */
bool mett_result_take(struct mett_result *ret, const struct message_done *done, const void *answer,
                      size_t room, sys_cap large, uint64_t payload_max);

/** mett_window_map() - map a window the server gave, if it can be trusted not to shrink; or NULL */
void *mett_window_map(sys_cap cap, size_t size);

/** mett_lane_take() - learn of a lane; false when the server broke the protocol */
bool mett_lane_take(struct mett_client *client, const struct message_lane *message, sys_cap cap);

/** mett_lanes_free() - forget them all */
void mett_lanes_free(struct mett_client *client);

enum lane_outcome {
	LANE_CALL_NONE, /* there is no lane free: ask the server */
	LANE_CALL_DONE, /* @invocation has its result */
	LANE_CALL_LATE, /* it goes on as an invocation that the server was asked for */
};

/**
 * mett_lane_call() - make a call of up to WINDOW_ROOM by lane, if there is one, and wait for it
 * @invocation: a free one; its tag is set when there was a lane
 * @timeout_us: its own time limit; 0: the action's
 */
enum lane_outcome mett_lane_call(struct mett_client *client, struct invocation *invocation,
                                 const char *name, const void *argument, size_t size,
                                 uint64_t timeout_us);

/** mett_dataspace_fill() - new sealed dataspace with a copy of @data; 0 or a negative errno */
int mett_dataspace_fill(const char *name, const void *data, size_t size, sys_cap *ret);

/** mett_client_lose() - the server is gone, for the reason given: end all that is under way */
__attribute__((format(printf, 2, 3))) void mett_client_lose(struct mett_client *client,
                                                            const char *format, ...);

/** mett_client_broke() - the server broke the protocol: lose it; returns -EPIPE, with @error */
int mett_client_broke(struct mett_client *client, struct mett_error *error);

/** mett_client_check() - is there a client, and is the name lawful? Returns 0 or -EINVAL. */
int mett_client_check(const struct mett_client *client, const char *name, struct mett_error *error);

/** mett_space_check() - is that a lawful name of a namespace? Returns 0 or -EINVAL. */
int mett_space_check(const char *name, struct mett_error *error);

/** mett_client_tag() - a tag that no request under way has */
uint32_t mett_client_tag(struct mett_client *client);

/**
 * mett_client_send() - send one message; waits for room, taking what comes in meanwhile
 * @cap: goes along unless it is SYS_NO_CAP; stays the caller's
 *
 * Return: 0, or -EPIPE or -ENOMEM with @error.
 */
int mett_client_send(struct mett_client *client, const void *message, size_t size, sys_cap cap,
                     struct mett_error *error);

/**
 * mett_client_take() - wait for one message and put it where it belongs
 * @deadline_ns: on sys_clock_ns(); 0: none
 *
 * Return: 0 when something may have changed, SYS_AGAIN when the time ran out,
 * -EPIPE when the server is gone.
 */
int mett_client_take(struct mett_client *client, uint64_t deadline_ns);

/**
 * mett_client_ask() - send a request and wait for its reply
 * @message: begins with a header; its tag is set here
 * @size:    of @message
 * @cap:     as mett_client_send()
 * @reply:   MESSAGE_STATUS; or another type, then a status is a refusal
 * @error:   may be NULL
 *
 * Return: 0 with the reply in client->message, or what the refusal or
 * mett_client_send() says.
 */
int mett_client_ask(struct mett_client *client, void *message, size_t size, sys_cap cap,
                    enum message_type reply, struct mett_error *error);

/** mett_client_detail() - number that came with the status mett_client_ask() has got */
uint32_t mett_client_detail(const struct mett_client *client);

/** mett_client_settle() - let the descriptor for poll tell the truth; before each return */
void mett_client_settle(struct mett_client *client);
