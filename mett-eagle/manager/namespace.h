#pragma once

/* Namespace: the action table. Of one session, and used by its thread alone. */
#include <mett-eagle/client.h>

#include "list.h"

struct pool;

/**
 * struct action - one entry
 * @activations: begun so far
 * @version:     of a session's own: 1, and one more with each update
 * @pool: makes the workers for its present version; earlier versions' pools
 *        live on by themselves until their activations have ended
 */
struct action {
	struct action *next; /* of the same bucket */
	char name[METT_NAME_MAX + 1];
	uint64_t activations;
	uint32_t version;
	struct pool *pool;
};

enum { NAMESPACE_BUCKETS = 1024 };

struct namespace
{
	struct action *bucket[NAMESPACE_BUCKETS];
	unsigned count;
};

/** namespace_find() - the action of that name, or NULL */
struct action *namespace_find(struct namespace *space, const char *name);

/** namespace_add() - new, empty entry; the name is lawful and free. NULL: no memory. */
struct action *namespace_add(struct namespace *space, const char *name);

/** namespace_remove() - take an entry out and free it; its pool is the caller's */
void namespace_remove(struct namespace *space, struct action *action);

/** namespace_any() - some entry, or NULL when there is none */
struct action *namespace_any(struct namespace *space);

/**
 * namespace_list() - the first entries behind a name, sorted
 * @after: a name, or ""
 * @ret:   memory for @room entries
 *
 * Return: number of entries filled in.
 */
unsigned namespace_list(struct namespace *space, const char *after, struct action **ret,
                        unsigned room);
