#pragma once

/* The door of the server: a gate that ned made. */
#include "../ipc.h"

/** door_open() - of the initial capability of this name; 0 or -ENOENT */
int door_open(const char *name, sys_cap *ret);
