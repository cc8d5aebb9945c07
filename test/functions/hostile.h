#pragma once

/*
 * What the functions that misbehave have in common.
 */
#include <faas.h>

#include "protocol/protocol.h"
#include "protocol/window.h"
#include "system/ipc.h"

#include <stdbool.h>
#include <string.h>

enum { HOSTILE_LOG = 2, HOSTILE_GATE = 3 };

/** hostile_is() - is the argument this text? */
static inline bool hostile_is(const void *argument, size_t size, const char *text)
{
	return size == strlen(text) && !memcmp(argument, text, size);
}

/** hostile_random() - pseudorandom numbers, the same each time; @state is not 0 */
static inline uint64_t hostile_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/** hostile_send() - send whatever it is; waits for room */
static inline int hostile_send(const void *data, size_t size, const sys_cap *caps, unsigned count)
{
	int result;

	while ((result = sys_gate_send(HOSTILE_GATE, data, size, caps, count)) == SYS_AGAIN)
		sys_gate_wait(HOSTILE_GATE, 1, 0);
	return result;
}
