#pragma once

/* Rows: what a client may see of actions and namespaces, in pieces as large as a message. */
#include <protocol/protocol.h>

#include "session.h"

/** rows_actions() - answer a LIST */
void rows_actions(struct session *session, const struct message_list *message);

/** rows_stats() - answer a STATS */
void rows_stats(struct session *session, const struct message_list *message);

/** rows_spaces() - answer a SPACES, with those that the client's user may use */
void rows_spaces(struct session *session, const struct message_list *message);

/** rows_version() - answer a VERSIONS; or return why not, with @why, METT_MESSAGE_MAX bytes */
enum mett_reason rows_version(struct session *session, const struct message_version_of *message,
                              char *why);
