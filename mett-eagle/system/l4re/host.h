#pragma once

#include "../sandbox.h"

/* What main() sets up before the server begins. */
struct sys_host {
	uint64_t memory_max; /* bytes that a worker without a limit may allocate; 0: no limit */
};
