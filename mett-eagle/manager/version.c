#include "version.h"

#include <stdlib.h>
#include <string.h>

struct version *version_new(const struct mett_action_options *options, const char *environment,
                            size_t environment_size, sys_cap program, size_t size)
{
	struct version *version = calloc(1, sizeof(*version) + environment_size);

	if (!version)
		return NULL;
	version->holders = 1;
	version->program = program;
	version->options = *options;
	version->deployed_us = sys_calendar_us();
	version->size = size;
	version->environment_size = environment_size;
	memcpy(version->environment, environment, environment_size);
	return version;
}

struct version *version_ref(struct version *version)
{
	atomic_fetch_add_explicit(&version->holders, 1, memory_order_relaxed);
	return version;
}

void version_unref(struct server *server, struct version *version)
{
	if (!version || atomic_fetch_sub(&version->holders, 1) > 1)
		return;
	server_drop(server, version->program);
	free(version);
}
