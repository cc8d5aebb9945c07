#pragma once

/*
 * Query: one request for records, as it came, and its answer, row by row. A place in the table
 * is a number, so that nothing is held between two steps, and whoever reads slowly costs nobody.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mett-eagle/base.h>

enum {
	QUERY_MAX = 4 << 10, /* bytes of a request */
	QUERY_ROWS = 64,     /* looked up in one step */
};

struct query {
	char name_space[METT_NAME_MAX + 1];
	char action[METT_NAME_MAX + 1]; /* "": any */
	int64_t activation;             /* 0: any */
	int64_t since_us;
	int64_t after; /* number of the last row that was sent, or is not wanted */
	int64_t until; /* the last that is wanted; with `follow` none */
	uint32_t limit;
	bool failed;
	bool wrote;
	bool follow;
	bool placed; /* query_place() was called */
};

/**
 * query_parse() - read a request
 * @text: any bytes
 * @why:  METT_MESSAGE_MAX bytes, for what is wrong with it
 *
 * Return: METT_OK, or METT_BAD_ARGUMENT, METT_NO_MEMORY with @why.
 */
enum mett_reason query_parse(struct query *ret, const char *text, size_t size, char *why);

/** query_place() - find where the newest `limit` rows begin; 0 or a negative errno */
int query_place(struct query *query, sqlite3 *database);

/**
 * query_step() - look up the next rows, and send each
 * @send:     takes a line of JSON; 0, or not 0: it is to be looked up again later
 * @ret_more: may there be more at once?
 *
 * Return: 0, what @send returned, or a negative errno of the database.
 */
int query_step(struct query *query, sqlite3 *database,
               int (*send)(void *context, const char *line, size_t size), void *context,
               bool *ret_more);
