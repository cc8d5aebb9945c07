#pragma once

/* Registry: the door. Turns those who knock into clients; nothing else goes on there. */
#include "server.h"

enum {
	REGISTRY_KNOCKING_MAX = 64,  /* connections that have not said what they want */
	REGISTRY_PATIENCE_MS = 5000, /* how long they may take */
	REGISTRY_PAUSE_MS = 100,     /* with the door shut, when nobody can be let in */
};

struct registry {
	struct sys_watch door;
	sys_cap door_cap;
	uint64_t pause_ns; /* the door is shut until then; 0: it is not */
	struct server *server;
	struct list knocking; /* oldest first */
	unsigned knocking_count;
};

/** registry_open() - begin to answer the door, in the server's main loop; 0 or a negative errno */
int registry_open(struct registry *registry, struct server *server, sys_cap door);

/** registry_close() - answer it no more; does nothing the second time */
void registry_close(struct registry *registry);

/** registry_next() - when registry_expire() has work; 0: not by itself */
uint64_t registry_next(const struct registry *registry);

/** registry_expire() - turn away those who took too long, and open a door that was shut */
void registry_expire(struct registry *registry, uint64_t now_ns);
