#pragma once

/*
 * Activation records: what became of the invocations of a named namespace, as
 * mett-recorder(8) keeps it. Link with libmett-records.
 *
 *	struct mett_records_query query = {.name_space = "u1000", .limit = 20};
 *	struct mett_records *records;
 *	struct mett_record row;
 *
 *	mett_records_open(NULL, &query, &records, NULL);
 *	while (mett_records_next(records, -1, &row, NULL) == METT_RECORDS_ROW)
 *		printf("%s: %s\n", row.action, mett_reason_name(row.reason));
 *	mett_records_close(records);
 *
 * Used by one thread at a time.
 */
#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	METT_RECORD_LOG_MAX = 16 << 10,   /* bytes of an activation's log that are kept: its end */
	METT_RECORDS_LIMIT_MAX = 1 << 20, /* rows that one query can ask for */
};

/**
 * struct mett_records_query - which records
 * @name_space: name of the namespace; not NULL. Its owner, its members, root and the
 *              recorder's own user may read it
 * @action:     only of the action of this name; NULL: of all
 * @activation: only of this id, see struct mett_result; 0: all
 * @since_us:   only of activations that began then or later, in microseconds since 1970; 0: all
 * @after:      only with a larger `number`; 0: all
 * @failed:     1: only of those that gave no answer
 * @wrote:      1: only of those that wrote to their log, or gave no answer
 * @limit:      that many, the newest; 0: 100; up to METT_RECORDS_LIMIT_MAX
 * @follow:     1: then also those still to come, without end
 */
struct mett_records_query {
	const char *name_space;
	const char *action;
	uint64_t activation;
	uint64_t since_us;
	uint64_t after;
	int failed;
	int wrote;
	uint32_t limit;
	int follow;
};

/**
 * struct mett_record - one activation
 * @number:     of the record, never given twice, the later the larger
 * @activation: its id, unique within the server's life
 * @calls:      1; or so many calls of a process of policy reuse, made past the server: of
 *              these nothing else is known but the id of the last
 * @action:     name
 * @version:    of the action; 0: unknown
 * @error:      METT_OK and "", or why there is no answer
 * @caller:     name of the action that invoked it; "": a client did
 * @parent:     id of that action's activation; 0: a client did, or it is not known
 * @depth:      1: invoked by a client; one more with each nesting
 * @begin_us:   start_worker as time of day, in microseconds since 1970
 * @times:      see struct mett_metadata
 * @memory:     most resident memory of its process, in bytes, with what it shares with its zygote;
 *              of a process that serves on it is known at its end, for the last that it served, and
 * is that of its life; 0: not known, or not yet
 * @log:        end of what it wrote to stdout and stderr, any bytes, and a zero behind them
 * @log_size:   in bytes, at most METT_RECORD_LOG_MAX
 *
 * What is pointed to is valid until the next call.
 */
struct mett_record {
	uint64_t number;
	uint64_t activation;
	uint64_t calls;
	char action[METT_NAME_MAX + 1];
	uint32_t version;
	struct mett_error error;
	char caller[METT_NAME_MAX + 1];
	uint64_t parent;
	uint32_t depth;
	uint64_t begin_us;
	struct mett_metadata times;
	uint64_t memory;
	const char *log;
	size_t log_size;
};

struct mett_records;

/** What mett_records_next() found. */
enum mett_records_state {
	METT_RECORDS_NONE, /* nothing in time */
	METT_RECORDS_ROW,  /* one row */
	METT_RECORDS_END,  /* there are no more */
};

/**
 * mett_records_open() - ask for records
 * @socket_path: the server's; NULL: mett_default_socket(). The recorder listens at the same
 *               path with ".records" behind it
 * @query:       copied
 * @ret:         written on success only; mett_records_close() it
 * @error:       why it failed; may be NULL
 *
 * Blocks for at most five seconds.
 *
 * Return: 0, or
 *   -EINVAL   METT_BAD_ARGUMENT
 *   -ENOMEM   METT_NO_MEMORY
 *   -EPIPE    METT_GONE: there is no recorder
 */
METT_EXPORT int mett_records_open(const char *socket_path, const struct mett_records_query *query,
                                  struct mett_records **ret, struct mett_error *error);

/** mett_records_close() - NULL is fine */
METT_EXPORT void mett_records_close(struct mett_records *records);

/**
 * mett_records_fd() - descriptor that polls readable when there is something to read
 *
 * Before waiting for it call mett_records_next() until that says METT_RECORDS_NONE.
 */
METT_EXPORT int mett_records_fd(const struct mett_records *records);

/**
 * mett_records_next() - take the next row, oldest first
 * @timeout_us: how long to wait for it, in microseconds; negative: for ever
 * @ret:        written with METT_RECORDS_ROW only
 * @error:      why it failed; may be NULL
 *
 * Return: one of METT_RECORDS_*, or
 *   -EINVAL   METT_BAD_ARGUMENT: what is asked for makes no sense
 *   -EACCES   the namespace is not the caller's (METT_DENIED)
 *   -ENOMEM   METT_NO_MEMORY
 *   -EIO      METT_NO_STATE: the recorder cannot read them now
 *   -EPIPE    METT_GONE: the recorder is gone, cannot ask the server whose the namespace is, or
 * does not speak our protocol
 */
METT_EXPORT int mett_records_next(struct mett_records *records, int64_t timeout_us,
                                  struct mett_record *ret, struct mett_error *error);

#ifdef __cplusplus
}
#endif
