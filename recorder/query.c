#include "query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>
#include <mett-eagle/records.h>

enum { LIMIT_DEFAULT = 100 };

#define WRONG(...) (fmt_format(why, METT_MESSAGE_MAX, __VA_ARGS__), METT_BAD_ARGUMENT)

static enum mett_reason take_name(const char *key, const json_t *value, char *ret, char *why)
{
	const char *name = json_string_value(value);

	if (!name || strlen(name) != json_string_length(value) || !mett_name_valid(name))
		return WRONG("'{}' is no lawful name; use 1 to {} of A-Z a-z 0-9 . _ -", key,
		             (int)METT_NAME_MAX);
	strcpy(ret, name);
	return METT_OK;
}

static enum mett_reason take_number(const char *key, const json_t *value, int64_t *ret, char *why)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return WRONG("'{}' is no number from 0 on", key);
	*ret = json_integer_value(value);
	return METT_OK;
}

static enum mett_reason take_flag(const char *key, const json_t *value, bool *ret, char *why)
{
	if (!json_is_boolean(value))
		return WRONG("'{}' is neither true nor false", key);
	*ret = json_is_true(value);
	return METT_OK;
}

static enum mett_reason take_limit(const char *key, const json_t *value, uint32_t *ret, char *why)
{
	int64_t limit = 0;
	enum mett_reason reason = take_number(key, value, &limit, why);

	if (reason)
		return reason;
	if (limit > METT_RECORDS_LIMIT_MAX)
		return WRONG("'{}' is more than {}", key, (int)METT_RECORDS_LIMIT_MAX);
	*ret = limit ? (uint32_t)limit : LIMIT_DEFAULT;
	return METT_OK;
}

static enum mett_reason take(struct query *query, const char *key, const json_t *value, char *why)
{
	if (!strcmp(key, "namespace"))
		return take_name(key, value, query->name_space, why);
	if (!strcmp(key, "action"))
		return take_name(key, value, query->action, why);
	if (!strcmp(key, "id"))
		return take_number(key, value, &query->activation, why);
	if (!strcmp(key, "since_us"))
		return take_number(key, value, &query->since_us, why);
	if (!strcmp(key, "after"))
		return take_number(key, value, &query->after, why);
	if (!strcmp(key, "limit"))
		return take_limit(key, value, &query->limit, why);
	if (!strcmp(key, "failed"))
		return take_flag(key, value, &query->failed, why);
	if (!strcmp(key, "wrote"))
		return take_flag(key, value, &query->wrote, why);
	if (!strcmp(key, "follow"))
		return take_flag(key, value, &query->follow, why);
	return WRONG("there is nothing like '{}' to ask for", key);
}

enum mett_reason query_parse(struct query *ret, const char *text, size_t size, char *why)
{
	struct query query = {.limit = LIMIT_DEFAULT};
	enum mett_reason reason = METT_OK;
	json_error_t error;
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error), *value;
	const char *key;

	if (!json_is_object(object)) {
		json_decref(object);
		return WRONG("the request is no JSON object");
	}
	json_object_foreach(object, key, value)
	{
		reason = take(&query, key, value, why);
		if (reason)
			break;
	}
	json_decref(object);
	if (!reason && !*query.name_space)
		return WRONG("'namespace' is missing");
	if (!reason)
		*ret = query;
	return reason;
}

#undef WRONG

/* With an id there is an index that is better than the one by namespace. */
#define FILTER                                                                                     \
	"WHERE number > ?2 AND number <= ?3 AND (?4 = '' OR action = ?4) AND begin_us >= ?6"       \
	" AND (?7 = 0 OR reason <> 0) AND (?9 = 0 OR reason <> 0 OR length(log) > 0)"
#define BY_SPACE FILTER " AND namespace = ?1 AND ?5 = 0"
#define BY_ID    FILTER " AND id = ?5 AND +namespace = ?1"

#define COLUMNS                                                                                    \
	"SELECT number, id, calls, action, version, reason, detail, error, caller, parent, depth," \
	" begin_us, start_worker, start_runtime, start_function, end_function, end_runtime,"       \
	" end_worker, memory, log FROM activation "
#define ROWS  " ORDER BY number LIMIT ?8"
#define FIRST "SELECT min(number) FROM (SELECT number FROM activation "
#define LAST  " ORDER BY number DESC LIMIT ?8)"

static const char *const row_texts[] = {COLUMNS BY_SPACE ROWS, COLUMNS BY_ID ROWS};
static const char *const first_texts[] = {FIRST BY_SPACE LAST, FIRST BY_ID LAST};

static int prepare(const struct query *query, sqlite3 *database, const char *const texts[2],
                   uint32_t limit, sqlite3_stmt **ret)
{
	int result = sqlite3_prepare_v2(database, texts[query->activation != 0], -1, ret, NULL);

	if (result)
		return -EIO;
	sqlite3_bind_text(*ret, 1, query->name_space, -1, SQLITE_STATIC);
	sqlite3_bind_int64(*ret, 2, query->after);
	sqlite3_bind_int64(*ret, 3, query->until);
	sqlite3_bind_text(*ret, 4, query->action, -1, SQLITE_STATIC);
	sqlite3_bind_int64(*ret, 5, query->activation);
	sqlite3_bind_int64(*ret, 6, query->since_us);
	sqlite3_bind_int(*ret, 7, query->failed);
	sqlite3_bind_int64(*ret, 8, limit);
	sqlite3_bind_int(*ret, 9, query->wrote);
	return 0;
}

/* What was the largest number ever given. */
static int find_last(sqlite3 *database, int64_t *ret)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(database,
	                                "SELECT seq FROM sqlite_sequence WHERE name = 'activation'",
	                                -1, &statement, NULL);

	if (result)
		return -EIO;
	result = sqlite3_step(statement);
	*ret = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_finalize(statement);
	return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -EIO;
}

int query_place(struct query *query, sqlite3 *database)
{
	sqlite3_stmt *statement;
	int64_t last = 0, first = 0;
	int error = find_last(database, &last);

	query->until = last;
	if (!error)
		error = prepare(query, database, first_texts, query->limit, &statement);
	if (error)
		return error;
	int result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		first = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	if (result != SQLITE_ROW)
		return -EIO;
	if (first)
		query->after = first - 1;
	else if (query->after < last)
		query->after = last;
	if (query->follow)
		query->until = INT64_MAX;
	query->placed = true;
	return 0;
}

/*
 * JSON is text, and logs are any bytes: what is not UTF-8 comes as "<key>_bytes", with a
 * character from 0 to 255 for each byte.
 */
static json_t *bytes_to_text(const unsigned char *bytes, size_t size)
{
	char *text = malloc(2 * size + 1);
	size_t length = 0;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] >= 0x80)
			text[length++] = (char)(0xc0 | bytes[i] >> 6);
		text[length++] = (char)(bytes[i] >= 0x80 ? 0x80 | (bytes[i] & 0x3f) : bytes[i]);
	}
	json_t *value = json_stringn(text, length);
	free(text);
	return value;
}

static int put_bytes(json_t *row, const char *key, sqlite3_stmt *statement, int column)
{
	const void *bytes = sqlite3_column_blob(statement, column);
	size_t size = (size_t)sqlite3_column_bytes(statement, column);
	json_t *value = json_stringn(size ? bytes : "", size);
	char other[32];

	if (value)
		return json_object_set_new(row, key, value);
	fmt_format(other, sizeof(other), "{}_bytes", key);
	return json_object_set_new(row, other, bytes_to_text(bytes, size));
}

static int put_number(json_t *row, const char *key, sqlite3_stmt *statement, int column)
{
	return json_object_set_new(row, key, json_integer(sqlite3_column_int64(statement, column)));
}

static int put_times(json_t *row, sqlite3_stmt *statement, int column)
{
	json_t *times = json_array();
	int result = times ? 0 : -1;

	for (int i = 0; !result && i < 6; i++)
		result = json_array_append_new(
			times, json_integer(sqlite3_column_int64(statement, column + i)));
	return json_object_set_new(row, "times", times) | result;
}

/* In the order of COLUMNS. NULL: no memory. */
static json_t *make_row(sqlite3_stmt *statement)
{
	static const char *const keys[] = {"number",  "id",     "calls",  "action",
	                                   "version", "reason", "detail", "error",
	                                   "caller",  "parent", "depth",  "begin_us"};
	json_t *row = json_object();
	int failed = !row;

	for (int i = 0; i < (int)(sizeof(keys) / sizeof(*keys)); i++)
		if (!strcmp(keys[i], "reason"))
			failed |= json_object_set_new(
				row, keys[i],
				json_string(mett_reason_name(sqlite3_column_int(statement, i))));
		else if (sqlite3_column_type(statement, i) == SQLITE_INTEGER)
			failed |= put_number(row, keys[i], statement, i);
		else
			failed |= put_bytes(row, keys[i], statement, i);
	failed |= put_times(row, statement, 12);
	failed |= put_number(row, "memory", statement, 18);
	failed |= put_bytes(row, "log", statement, 19);
	if (!failed)
		return row;
	json_decref(row);
	return NULL;
}

static int send_row(sqlite3_stmt *statement,
                    int (*send)(void *context, const char *line, size_t size), void *context)
{
	json_t *row = make_row(statement);
	char *line = row ? json_dumps(row, JSON_COMPACT) : NULL;
	int result = line ? send(context, line, strlen(line)) : -ENOMEM;

	free(line);
	json_decref(row);
	return result;
}

int query_step(struct query *query, sqlite3 *database,
               int (*send)(void *context, const char *line, size_t size), void *context,
               bool *ret_more)
{
	sqlite3_stmt *statement;
	int result, count = 0, error = prepare(query, database, row_texts, QUERY_ROWS, &statement);

	if (error)
		return error;
	while (!error && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		error = send_row(statement, send, context);
		if (error)
			break;
		query->after = sqlite3_column_int64(statement, 0);
		count++;
	}
	sqlite3_finalize(statement);
	if (!error && result != SQLITE_DONE)
		error = -EIO;
	*ret_more = count == QUERY_ROWS;
	return error;
}
