#pragma once

/*
 * Creation: an action whose program a runtime runs, until its zygote is up. Only
 * then it is known whether it can be served at all, and its client is told. Until
 * then the action is what it was before, or is not there.
 */
#include "session.h"

struct pool;

struct creation {
	struct list link; /* in its session's */
	struct pool *pool;
	enum message_type type; /* of the client's request */
	uint32_t tag;           /* and its tag */
};

/**
 * creation_begin() - start a new pool's zygote; the client hears of what comes of it
 * @pool: is the creation's from now on; on failure it stays the caller's
 *
 * Return: 0 or a negative errno.
 */
int creation_begin(struct session *session, struct pool *pool, enum message_type type,
                   uint32_t tag);

/** creation_pending() - is an action of that name in the making? */
bool creation_pending(const struct session *session, const char *name);

/** creation_count() - how many are in the making */
unsigned creation_count(const struct session *session);

/** creation_end() - the zygote is up, @why being NULL, or will not come up; from the loop */
void creation_end(struct creation *creation, const char *why);

/** creation_drop_all() - nobody waits for them any more */
void creation_drop_all(struct session *session);
