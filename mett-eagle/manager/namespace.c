#include "namespace.h"

#include <stdlib.h>
#include <string.h>

static struct action **bucket_of(struct namespace *space, const char *name)
{
	unsigned hash = 2166136261u; /* FNV-1a */

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return &space->bucket[hash % NAMESPACE_BUCKETS];
}

struct action *namespace_find(struct namespace *space, const char *name)
{
	struct action *action = *bucket_of(space, name);

	while (action && strcmp(action->name, name) != 0)
		action = action->next;
	return action;
}

struct action *namespace_add(struct namespace *space, const char *name)
{
	struct action **bucket = bucket_of(space, name);
	struct action *action = calloc(1, sizeof(*action));

	if (!action)
		return NULL;
	strncpy(action->name, name, METT_NAME_MAX);
	action->next = *bucket;
	*bucket = action;
	space->count++;
	return action;
}

void namespace_remove(struct namespace *space, struct action *action)
{
	struct action **link = bucket_of(space, action->name);

	while (*link != action)
		link = &(*link)->next;
	*link = action->next;
	space->count--;
	free(action);
}

struct action *namespace_any(struct namespace *space)
{
	for (unsigned i = 0; space->count && i < NAMESPACE_BUCKETS; i++)
		if (space->bucket[i])
			return space->bucket[i];
	return NULL;
}

/* Keep the room smallest seen so far, sorted. */
static unsigned insert(struct action **ret, unsigned count, unsigned room, struct action *action)
{
	unsigned place = count;

	while (place && strcmp(ret[place - 1]->name, action->name) > 0)
		place--;
	if (place == room)
		return count;
	if (count == room)
		count--;
	memmove(&ret[place + 1], &ret[place], (count - place) * sizeof(*ret));
	ret[place] = action;
	return count + 1;
}

unsigned namespace_list(struct namespace *space, const char *after, struct action **ret,
                        unsigned room)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NAMESPACE_BUCKETS; i++)
		for (struct action *action = space->bucket[i]; action; action = action->next)
			if (strcmp(action->name, after) > 0)
				count = insert(ret, count, room, action);
	return count;
}
