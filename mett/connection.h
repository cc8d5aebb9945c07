#pragma once

/* The way to the server. */
#include "options.h"

/**
 * connection_open() - become a client, in the namespace asked for
 * @ret: free with mett_client_free()
 *
 * Return: STATUS_GOOD, or the exit status; what is wrong was told.
 */
int connection_open(const struct options *options, struct mett_client **ret);

/** connection_open_private() - become a client in no namespace that has a name; returns the same */
int connection_open_private(const struct options *options, struct mett_client **ret);

/** connection_space() - the namespace asked for, else the user's home; returns it or @buffer */
const char *connection_space(const struct options *options, char buffer[static METT_NAME_MAX + 1]);

/**
 * connection_refused() - tell why a call about an action failed
 * @name: of the action; if there is none of it, similar names are looked for
 *
 * Return: the exit status.
 */
int connection_refused(struct mett_client *client, const char *name,
                       const struct mett_error *error);
