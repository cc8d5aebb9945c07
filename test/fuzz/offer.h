#pragma once

/* Files offered as programs: each is refused, or is a function that fails, or even answers. */
#include "bystander.h"

enum offer { OFFER_REFUSED, OFFER_FAILED, OFFER_ANSWERED, OFFER_COUNT };

/**
 * struct offer_kind - what a file is offered as
 * @options:  of its action
 * @argument: of the invocation
 * @head:     where it begins is what is looked at: half the mutants differ only so far; 0: none
 */
struct offer_kind {
	struct mett_action_options options;
	const char *argument;
	size_t head;
};

/**
 * offer() - create an action of a file with these bytes, invoke it, and delete it
 *
 * The invocation has little time and memory. Whatever else comes of it ends the test.
 */
enum offer offer(const struct server *server, struct mett_client *client,
                 const struct offer_kind *kind, const void *data, size_t size);

/** offer_mutants() - a server with these options is offered a good file, and @count mutants of it
 */
void offer_mutants(const char *server_options, const struct offer_kind *kind, const void *seed,
                   size_t size, unsigned count);
