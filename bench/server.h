#pragma once

/* Server: a real one, started for a measurement, with sockets in a folder of the run's own. */
#include <sys/types.h>

enum { SERVER_SOCKET_MAX = 108 }; /* as long as a path can be that is bound */

struct server {
	pid_t pid;
	char socket[SERVER_SOCKET_MAX];
};

/** server_start() - start @program and wait until clients can connect; fails the run if they cannot
 */
void server_start(struct server *ret, const char *program);

/** server_stop() - tell it to end, and wait until it has */
void server_stop(struct server *server);
