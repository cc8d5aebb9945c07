#pragma once

/*
 * Version: what an action is made of, shared by all that make workers of it. It does
 * not change, but for where its program is to be had.
 */
#include <mett-eagle/client.h>

#include "server.h"

struct version {
	_Atomic unsigned holders;
	_Atomic sys_cap program; /* held in the server's table; SYS_NO_CAP: the store has it */
	struct mett_action_options options; /* its `environment` is NULL, see below */
	uint32_t number;
	uint64_t deployed_us;
	size_t size;                        /* of the program */
	char digest[SYS_STORE_DIGEST_SIZE]; /* "": it is not in the store */
	size_t environment_size;
	char environment[]; /* see environment_valid() */
};

/**
 * version_new() - with one holder, and number 0
 * @program: taken over, if there is no failure
 *
 * Return: version, or NULL when there is no memory.
 */
struct version *version_new(const struct mett_action_options *options, const char *environment,
                            size_t environment_size, sys_cap program, size_t size);

/** version_ref() - one more holder; returns it */
struct version *version_ref(struct version *version);

/** version_unref() - one less; NULL is fine */
void version_unref(struct server *server, struct version *version);
