#pragma once

#include <faas.h>

/* What the parts of libfaas share. */
struct faas_state {
	struct mett_worker *worker; /* NULL until there is an activation */
	const void *answer;
	size_t answer_size; /* of answer_room that may be used */
	size_t answer_room;
	char failure[METT_MESSAGE_MAX];
};

extern struct faas_state faas_state;

/**
 * faas_crash_init() - from now on a crash is explained in the log
 *
 * Return: 0 or a negative errno.
 */
int faas_crash_init(void);

/** faas_check_memory() - if no memory is left, note it for the server; async-signal-safe */
void faas_check_memory(void);
