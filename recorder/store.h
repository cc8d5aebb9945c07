#pragma once

/*
 * Store: the records in an SQLite database. What a batch of them adds becomes durable
 * together, and the oldest of a namespace make room for it.
 *
 * A database that is damaged is moved aside, and a new one begun.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include <protocol/record.h>

struct store;
struct space; /* a namespace that has records, or will */

/** struct store_limits - of each namespace */
struct store_limits {
	uint64_t count;
	uint64_t bytes; /* texts, logs, and an allowance for the rest of a row */
};

/**
 * store_open() - open the database, or make it
 * @folder: it lies there; another recorder's is none for us
 * @why:    memory of @size bytes for what failed
 *
 * Return: 0, or a negative errno (-EBUSY: another recorder has it), with @why filled in.
 */
int store_open(const char *folder, const struct store_limits *limits, struct store **ret, char *why,
               size_t size);

/** store_close() - NULL is fine */
void store_close(struct store *store);

/**
 * store_server() - records that follow are of the server that started then
 *
 * Ids of activations are unique within that.
 */
void store_server(struct store *store, uint64_t started_ns);

/**
 * store_space() - the namespace of that name, which records are to come for
 * @owner: user id; when it was another's the last time, that one's records go with the next batch
 *
 * Return: namespace, which lives as long as the store; NULL: no memory.
 */
struct space *store_space(struct store *store, const char *name, uint32_t owner);

/** store_owned() - are the records that are kept under that name this owner's, or are there none?
 */
bool store_owned(struct store *store, const char *name, uint32_t owner);

/** store_begin() - begin a batch; 0 or a negative errno */
int store_begin(struct store *store);

/**
 * store_add() - add a record to the batch
 * @copy: as record_take() gave it
 *
 * One that is there already is not added again. What is wrong comes out in store_end().
 */
void store_add(struct store *store, struct space *space, const union record_copy *copy);

/**
 * store_end() - make the batch durable
 *
 * Return: 0; -EAGAIN: nothing of it is stored, and it should be tried again later, as with a
 * full disk; what the reason is has been logged.
 */
int store_end(struct store *store);

/** store_database() - to be read from, between batches; may be another after store_end() */
sqlite3 *store_database(struct store *store);
