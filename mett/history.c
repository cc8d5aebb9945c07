#include "history.h"

#include "connection.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void history_option(struct mett_records_query *query, const struct options *options, int letter)
{
	uint64_t now = now_us(), ago;

	switch (letter) {
	case 'l':
		query->limit = (uint32_t)options_count(options, "--limit", optarg, 1,
		                                       METT_RECORDS_LIMIT_MAX);
		break;
	case HISTORY_SINCE:
		ago = options_duration_us(options, "--since", optarg);
		query->since_us = ago < now ? now - ago : 0;
		break;
	case HISTORY_FAILED:
		query->failed = 1;
		break;
	case HISTORY_ACTIVATION:
		query->activation = options_count(options, "--activation", optarg, 1, UINT64_MAX);
		break;
	}
}

int history_each(const struct options *options, struct mett_records_query *query,
                 void (*each)(const struct mett_record *record, void *context), void *context)
{
	char home[METT_NAME_MAX + 1];
	struct mett_records *records;
	struct mett_record record;
	struct mett_error error;
	int state = 0;

	query->name_space = connection_space(options, home);
	query->action = options->operands[0];
	/* Ids are those of one life of the server. */
	if (query->activation)
		query->limit = 1;
	progress_begin("asking the recorder");
	int failure = mett_records_open(options->socket, query, &records, &error);
	progress_end();
	if (failure)
		return say_error(&error);
	/* What cannot be written any more need not be asked for; text_finish() tells. */
	while (!ferror(stdout) &&
	       (state = mett_records_next(records, -1, &record, &error)) == METT_RECORDS_ROW)
		each(&record, context);
	mett_records_close(records);
	return state < 0 ? say_error(&error) : STATUS_GOOD;
}

const char *history_why(const struct mett_record *record, char ret[static HISTORY_WHY_MAX])
{
	const char *message = record->error.message, *reason;
	int length = snprintf(ret, HISTORY_WHY_MAX, "action '%s' ", record->action);

	if (!strncmp(message, ret, (size_t)length))
		return message + length;
	/* To a client it says that the server is gone; what is recorded lost its caller. */
	reason = record->error.reason == METT_GONE ? "caller gone"
	                                           : mett_reason_name(record->error.reason);
	snprintf(ret, HISTORY_WHY_MAX, "%s: %s", reason, message);
	return ret;
}

struct kept {
	struct mett_record *rows;
	size_t count, room;
};

static void keep(const struct mett_record *record, void *context)
{
	struct kept *kept = context;

	if (kept->count == kept->room) {
		kept->room = 2 * kept->room + 64;
		kept->rows = text_need(reallocarray(kept->rows, kept->room, sizeof(*kept->rows)));
	}
	struct mett_record *row = &kept->rows[kept->count++];
	*row = *record;
	row->log =
		memcpy(text_need(malloc(record->log_size + 1)), record->log, record->log_size + 1);
}

static int compare_begin(const void *left, const void *right)
{
	const struct mett_record *one = left, *other = right;

	if (one->begin_us != other->begin_us)
		return one->begin_us < other->begin_us ? -1 : 1;
	return one->number < other->number ? -1 : one->number > other->number;
}

int history_sorted(const struct options *options, struct mett_records_query *query,
                   void (*each)(const struct mett_record *record, void *context), void *context)
{
	struct kept kept = {0};
	int status = history_each(options, query, keep, &kept);

	if (kept.count)
		qsort(kept.rows, kept.count, sizeof(*kept.rows), compare_begin);
	for (size_t i = 0; i < kept.count; i++) {
		each(&kept.rows[i], context);
		free((char *)kept.rows[i].log);
	}
	free(kept.rows);
	return status;
}

uint64_t history_duration_ns(const struct mett_record *record)
{
	const struct mett_metadata *times = &record->times;

	return times->end_worker > times->start_worker ? times->end_worker - times->start_worker
	                                               : 0;
}

json_t *history_json(const struct mett_record *record)
{
	json_t *object = json_pack(
		"{s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I}", "number",
		(json_int_t)record->number, "activation", (json_int_t)record->activation, "calls",
		(json_int_t)record->calls, "action", record->action, "version",
		(json_int_t)record->version, "depth", (json_int_t)record->depth, "begin_us",
		(json_int_t)record->begin_us, "duration_ns",
		(json_int_t)history_duration_ns(record), "memory", (json_int_t)record->memory);

	if (*record->caller)
		json_object_set_new(object, "caller", json_string(record->caller));
	if (record->parent)
		json_object_set_new(object, "parent", json_integer((json_int_t)record->parent));
	json_object_set_new(object, "error",
	                    record->error.reason == METT_OK ? json_null()
	                                                    : json_error(&record->error));
	json_bytes(object, "log", record->log, record->log_size);
	return object;
}
