#pragma once

/* Spaces: all named namespaces of the server, and who may use which. */
#include "space.h"

struct spaces {
	pthread_mutex_t mutex; /* for the table, and the holders of what is in it */
	struct table table;
};

/** spaces_new() - the server's, with what its store has; 0 or a negative errno; free in any case */
int spaces_new(struct server *server);

/** spaces_free() - nobody uses one any more; NULL is fine */
void spaces_free(struct spaces *spaces);

/** spaces_home() - is that the name of a user's home, and whose? */
bool spaces_home(const char *name, uint32_t *ret_user);

/**
 * spaces_enter() - for a session of that user; a home comes to be by itself
 * @name: lawful
 * @ret:  held, on success
 * @why:  METT_MESSAGE_MAX bytes, filled in on failure
 *
 * Return: METT_OK, METT_DENIED, METT_NO_NAMESPACE, METT_NO_STATE or METT_NO_MEMORY.
 */
enum mett_reason spaces_enter(struct server *server, const char *name, uint32_t user,
                              struct space **ret, char *why);

/** spaces_find() - the space of that name, held; or NULL */
struct space *spaces_find(struct server *server, const char *name);

/** spaces_after() - the first one with a greater name that this user may use, held; or NULL */
struct space *spaces_after(struct server *server, const char *name, uint32_t user);

/** spaces_hold() - one more holder of one that is held; returns it */
struct space *spaces_hold(struct space *space);

/** spaces_release() - one less; a home of which nothing is to be kept ends with the last */
void spaces_release(struct space *space);

/** spaces_add() - a new one, whose name is free, held; false: no memory */
bool spaces_add(struct space *space);

/** spaces_remove() - it is deleted, and ends with its last holder, which there is */
void spaces_remove(struct space *space);

/** spaces_made() - how many there are besides homes, of that owner or, NULL, of all */
unsigned spaces_made(struct server *server, const uint32_t *owner);

/** spaces_need() - for the archivist: is a version with that program kept in any of them? */
bool spaces_need(struct server *server, const char *digest);
