#pragma once

/* Serve: who asks for records, at a socket of our own. One request a connection. */
#include "access.h"
#include "store.h"

struct serve;

/**
 * serve_new() - begin to listen
 * @path:   must stay valid
 * @epoll:  tells of what there is to do, with pointers that serve_ready() is given
 * @access: who may read; must stay valid
 * @why:    memory of @size bytes for what failed
 *
 * Return: 0 or a negative errno, with @why filled in.
 */
int serve_new(const char *path, unsigned mode, struct store *store, struct access *access,
              int epoll, struct serve **ret, char *why, size_t size);

/** serve_free() - hang up, and listen no more; NULL is fine */
void serve_free(struct serve *serve);

/** serve_ready() - something happened on what epoll was given @tag for */
void serve_ready(struct serve *serve, void *tag, uint32_t events);

/** serve_stored() - there are new records: for those who follow */
void serve_stored(struct serve *serve);

/** serve_turn() - go on with what is under way; true: there is more to do at once */
bool serve_turn(struct serve *serve);
