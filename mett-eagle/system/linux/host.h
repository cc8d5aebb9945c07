#pragma once

/* Host: what main() sets up once and every sandbox is made with. */
#include "launcher.h"
#include "reaper.h"
#include "reserve.h"

struct sys_host {
	struct launcher launcher;
	struct reaper *reaper;
	struct reserve reserve;
	uint64_t memory_max; /* bytes of private writable memory of any worker; 0: no bound */
};
