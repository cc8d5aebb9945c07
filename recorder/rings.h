#pragma once

/*
 * Rings: the server's side of it all. Registers with the server, is given a ring for each
 * session, and takes the records from them to the store. A server that ends or restarts is
 * waited for.
 */
#include "store.h"

struct rings;

/** rings_new() - nothing is done yet; @epoll: tells of what there is to read; NULL: no memory */
struct rings *rings_new(const char *socket_path, struct store *store, int epoll, void *tag);

/** rings_free() - take what there is, and leave the server; NULL is fine */
void rings_free(struct rings *rings);

/** rings_ready() - something happened on the descriptor that epoll was given @tag for */
void rings_ready(struct rings *rings);

/**
 * rings_turn() - connect if need be, and take what there is
 * @ret_stored: are there new records in the store?
 *
 * Return: when to call again at the latest, on sys_clock_ns(); 0: when something happens.
 */
uint64_t rings_turn(struct rings *rings, bool *ret_stored);
