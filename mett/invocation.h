#pragma once

/* One invocation that a person waits for: they can interrupt it. */
#include "phases.h"

#include <mett-eagle/client.h>

/**
 * invocation_make() - invoke, and wait for the outcome
 * @config: limits; those that are 0 are the action's
 * @result: filled in unless it was interrupted; mett_result_deinit() it
 * @phases: filled in likewise
 *
 * On SIGINT, SIGTERM and SIGHUP the client is freed, so that the server ends the activation, and
 * @client is NULL then.
 *
 * Return: 0, or the number of the signal.
 */
int invocation_make(struct mett_client **client, const char *name, const void *argument,
                    size_t size, const struct mett_config *config, struct mett_result *result,
                    struct phases *phases);
