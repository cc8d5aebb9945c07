#pragma once

/*
 * Bystander: a server, and a client of it that behaves while others do not. It must be served
 * all the while, and in the end the server be as it was before they came.
 */
#include "fixture.h"

enum { BYSTANDER_GROWTH_KIB = 32 << 10 }; /* of the server, at most */

struct bystander {
	struct server server;
	struct mett_client *client;
	struct usage before;  /* what the server held when only the client was there */
	unsigned long memory; /* resident, in KiB */
};

/** bystander_begin() - start a server, and its first client, whose worker is as fresh as @policy
 * says */
void bystander_begin(struct bystander *ret, const char *options, enum mett_policy policy);

/** bystander_served() - it must be answered, and the server not have grown much */
void bystander_served(const struct bystander *bystander);

/** bystander_end() - the others have left: look whether all is as it was, and stop the server */
void bystander_end(struct bystander *bystander);
