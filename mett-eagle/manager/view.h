#pragma once

/*
 * View: what a session knows of its space's actions. An action comes into it with its first
 * call, and leaves it when the space has another version; then nothing of what it did is lost.
 */
#include "session.h"

struct job;
struct pool;

/**
 * view_find() - the action of that name
 * @ret_reason: set if it is not there: METT_NO_ACTION or METT_NO_MEMORY
 *
 * What is known takes no lock.
 */
struct action *view_find(struct session *session, const char *name, enum mett_reason *ret_reason);

/** view_refresh() - see what has changed in the space; if the client may stay */
void view_refresh(struct session *session);

/** view_fetch() - have the program of a pool fetched from the store; 0 or -ENOMEM */
int view_fetch(struct pool *pool);

/** view_fetched() - it is there, or will not be */
void view_fetched(struct session *session, const struct job *job);
