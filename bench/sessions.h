#pragma once

/*
 * Sessions: clients in processes of their own, each on the core the server gave
 * it, that invoke as fast as they can at the same time.
 */
#include <mett-eagle/client.h>

#include "scene.h"

enum { SESSIONS_MAX = 64 };

struct sessions;

/** sessions_new() - a server and @count clients, up to SESSIONS_MAX; each on another core
 *
 * Fails the run when there are fewer cores.
 */
struct sessions *sessions_new(const struct files *files, unsigned count);

/** sessions_free() - end them, and the server */
void sessions_free(struct sessions *sessions);

/**
 * sessions_run() - have @count of them, from number @first, invoke at the same time
 *
 * Return: invocations a second, of all together.
 */
double sessions_run(struct sessions *sessions, unsigned first, unsigned count,
                    enum mett_policy policy, unsigned ms);
