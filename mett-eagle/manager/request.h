#pragma once

/*
 * Requests: what a client asks of its actions, and of namespaces, besides to invoke.
 * What is its own alone is answered at once; what is of a space, when all know it.
 */
#include <protocol/protocol.h>

#include "session.h"

struct job;
struct pool;

/**
 * request_take() - take any request of the client
 * @message: checked as far as message_check() goes
 * @got:     its capabilities; what is kept is taken out
 *
 * It is answered exactly once, sooner or later.
 */
void request_take(struct session *session, const void *message, struct sys_received *got);

/**
 * request_provide() - an action's new version can be served: now it is to be had
 * @pool: of that version; with the zygote, if it has one
 *
 * Return: METT_OK, then the client is answered here; or METT_NO_MEMORY, and the pool stays the
 * caller's.
 */
enum mett_reason request_provide(struct session *session, struct pool *pool, enum message_type type,
                                 uint32_t tag);

/** request_done() - the archivist has done what the session ordered; the job stays the caller's */
void request_done(struct session *session, const struct job *job);
