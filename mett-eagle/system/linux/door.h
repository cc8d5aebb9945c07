#pragma once

/* Door: the socket at which clients knock. One server a path, however it ends. */
#include "../ipc.h"

#include <stdbool.h>

struct door {
	sys_cap gate;
	sys_cap lock; /* held for as long as the server lives */
	const char *path;
};

/**
 * door_open() - listen
 * @path:        must stay valid
 * @make_folder: make the path's folder, for this user alone, if it is not there
 * @mode:        of the socket's file
 * @why:         memory of @size bytes for a text that says what failed
 *
 * Return: 0 or a negative errno, with @why filled in.
 */
int door_open(struct door *ret, const char *path, bool make_folder, unsigned mode, char *why,
              size_t size);

/**
 * door_close() - the process ends: remove the socket's file
 *
 * Who stands at the gate may have sent what takes long to close; only the end of the process does
 * not wait for that, and closes it.
 */
void door_close(struct door *door);
