#pragma once

/* Server: a real one, started for a measurement, with sockets in a folder of the run's own. */
#include <sys/types.h>

struct server {
	pid_t pid;
	char socket[64];
};

/** server_start() - start @program and wait until clients can connect; fails the run if they cannot
 */
void server_start(struct server *ret, const char *program);

/** server_stop() - tell it to end, and wait until it has */
void server_stop(struct server *server);
