#pragma once

/* What Linux's side of the system has besides ../ipc.h. */
#include "../ipc.h"

/**
 * gate_recv_whole() - as sys_gate_recv(), but a message that is cut stays where it is
 *
 * It can be taken when there are descriptors for it. Of a gate that nobody else receives from.
 */
int gate_recv_whole(sys_cap gate, void *data, size_t size, struct sys_received *ret);
