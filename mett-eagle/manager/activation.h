#pragma once

/*
 * Activation: one invocation, from its arrival to its outcome. Whoever began it,
 * client or worker, gets exactly one answer, unless it is gone itself.
 */
#include "session.h"

/* Who invoked: the client, or a worker for its own activation. */
struct caller {
	struct worker *worker; /* NULL: the client */
	uint32_t tag;
	uint32_t slot; /* of the caller's window */
};

struct activation {
	struct list link; /* in the session's */
	struct list wait; /* in its pool's waiting ones */
	struct session *session;
	struct pool *pool;
	struct worker *worker; /* NULL while it waits for one */
	struct caller caller;
	struct mett_config config;
	struct timer timeout;
	struct mett_metadata times;
	uint64_t id;
	unsigned depth;
	uint64_t reserved; /* memory it was begun with, of its namespace's */
	bool left;         /* what it took of its namespace's is given back */
	uint64_t size;     /* of the argument */
	sys_cap payload;   /* the argument when it is large, held in the server's table */
};

/**
 * struct outcome - how an activation ended
 * @answer: bytes of the answer, or NULL; read once
 * @cap:    the answer when it is large, sealed and checked; or SYS_NO_CAP
 * @size:   of the answer in bytes
 */
struct outcome {
	enum mett_reason reason;
	int32_t detail;
	char text[METT_MESSAGE_MAX];
	const void *answer;
	sys_cap cap;
	uint64_t size;
};

/**
 * activation_begin() - take an INVOKE of a client or worker
 * @message: checked as far as message_check() goes
 * @got:     its capabilities; what is kept is taken out
 *
 * Every refusal is answered here too.
 */
void activation_begin(struct session *session, struct worker *worker,
                      const struct message_invoke *message, struct sys_received *got);

/**
 * activation_adopt() - take charge of what @caller had a parked worker begin
 *
 * The worker is at it already. Without memory for it the worker is ended, and the
 * caller told.
 */
void activation_adopt(struct worker *worker, const struct caller *caller, uint64_t id,
                      uint64_t start_ns);

/** activation_limit() - @caller says, late, how long its invocation may take from its arrival */
void activation_limit(struct session *session, const struct caller *caller, uint64_t timeout_us);

/** activation_refuse_cut() - answer @message, whose argument was lost: there was no room for it */
void activation_refuse_cut(struct session *session, struct worker *worker,
                           const struct message_invoke *message);

/** activation_refuse() - answer an invocation for which there is no activation */
void activation_refuse(struct session *session, const struct caller *caller,
                       const struct outcome *outcome);

/** activation_finish() - answer its caller, release its worker, free it */
void activation_finish(struct activation *activation, const struct outcome *outcome);

/** activation_fail() - the same with no answer; @format is libfmt's, about "action '<name>' " */
#define activation_fail(activation_, reason_, detail_, ...)                                        \
	do {                                                                                       \
		struct outcome outcome_ = {                                                        \
			.reason = (reason_), .detail = (detail_), .cap = SYS_NO_CAP};              \
		fmt_format(outcome_.text, sizeof(outcome_.text), __VA_ARGS__);                     \
		activation_finish((activation_), &outcome_);                                       \
	} while (0)

/** activation_cancel() - nobody wants its outcome any more: free it, and its worker ends */
void activation_cancel(struct activation *activation);

/** activation_drop() - its session ends: free it, and leave its worker to its pool */
void activation_drop(struct activation *activation);

/** activation_argument() - where its small argument lies: in its caller's window */
const void *activation_argument(const struct activation *activation);
