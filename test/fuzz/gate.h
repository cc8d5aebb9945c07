#pragma once

/*
 * A client without the library: it speaks to the server's socket and its gate
 * itself, and need not mean what it says.
 */
#include "fixture.h"

#include <protocol/protocol.h>
#include <protocol/window.h>
#include <system/ipc.h>

struct gate {
	sys_cap end;
	struct client_window *window;
};

/** gate_knock() - connect to the server's socket; a cap, or SYS_NO_CAP when it takes nobody now */
sys_cap gate_knock(const struct server *server);

/** gate_open() - in that namespace; "": a private one. register as a client */
void gate_open(struct gate *ret, const struct server *server, const char *space);

/** gate_close() - leave, however much is under way */
void gate_close(struct gate *gate);

/** gate_send() - send while there is room; 0, SYS_AGAIN or SYS_CLOSED */
int gate_send(const struct gate *gate, const void *data, size_t size, const sys_cap *caps,
              unsigned count);

/** gate_drain() - take and drop what has come; 0, or SYS_CLOSED when the server hung up */
int gate_drain(const struct gate *gate);

/** gate_create() - make or update an action of a program; asks only */
void gate_create(const struct gate *gate, enum message_type type, const char *name,
                 sys_cap program);

/** gate_program() - a sealed dataspace with these bytes */
sys_cap gate_program(const void *data, size_t size);
