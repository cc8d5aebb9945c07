#pragma once

/* Server: a real one, started for a measurement, with sockets in a folder of the run's own. */
#include <stddef.h>
#include <sys/types.h>

enum { SERVER_SOCKET_MAX = 108 }; /* as long as a path can be that is bound */

struct server {
	pid_t pid;
	char socket[SERVER_SOCKET_MAX];
};

/** server_start() - start @program and wait until clients can connect; fails the run if they cannot
 */
void server_start(struct server *ret, const char *program);

/** server_start_recorder() - the same with a server's recorder, which has a database of its own */
void server_start_recorder(struct server *ret, const char *program, const struct server *of);

/** server_kept() - bytes its database has grown by since it was last tidied up */
size_t server_kept(const struct server *recorder);

/** server_stall() - it does nothing more until server_stop() */
void server_stall(struct server *server);

/** server_stop() - tell it to end, and wait until it has */
void server_stop(struct server *server);
