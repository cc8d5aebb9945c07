#pragma once

/* What has been: activation records, for the verbs that show them. */
#include "options.h"

#include <jansson.h>
#include <mett-eagle/records.h>

/* For the letters, the table and the help of such a verb. */
#define HISTORY_LETTERS "l:"
/* clang-format off */
#define HISTORY_OPTIONS \
	{"limit", required_argument, NULL, 'l'}, \
	{"since", required_argument, NULL, HISTORY_SINCE}, \
	{"failed", no_argument, NULL, HISTORY_FAILED}, \
	{"activation", required_argument, NULL, HISTORY_ACTIVATION}
/* clang-format on */
#define HISTORY_HELP                                                                               \
	"  -l, --limit=N            the newest N (100)\n"                                          \
	"      --since=TIME         not older than that, as 10m or 1.5h\n"                         \
	"      --failed             only those that gave no answer\n"                              \
	"      --activation=ID      only the newest with this id; each server counts from 1\n"

enum { HISTORY_SINCE = OPTIONS_LONG + 48, HISTORY_FAILED, HISTORY_ACTIVATION };

/** history_option() - take one of these options into a query */
void history_option(struct mett_records_query *query, const struct options *options, int letter);

/**
 * history_each() - ask for records, and call @each for each as it comes, by their end
 * @query: of the action that is the verb's operand, if there is one
 *
 * With `follow` it returns only when the recorder is gone, or the standard output broken. Return:
 * STATUS_GOOD, or the exit status; what is wrong was told.
 */
int history_each(const struct options *options, struct mett_records_query *query,
                 void (*each)(const struct mett_record *record, void *context), void *context);

enum { HISTORY_WHY_MAX = METT_MESSAGE_MAX + 32 };

/**
 * history_why() - why it gave no answer
 *
 * Without its action's name, which is shown beside. Return: @ret, or within the record.
 */
const char *history_why(const struct mett_record *record, char ret[static HISTORY_WHY_MAX]);

/** history_json() - a record for programs */
json_t *history_json(const struct mett_record *record);

/** history_sorted() - the same, but when all are there, by when they began; not with `follow` */
int history_sorted(const struct options *options, struct mett_records_query *query,
                   void (*each)(const struct mett_record *record, void *context), void *context);

/** history_duration_ns() - from the worker's start until its end; 0: it did not get so far */
uint64_t history_duration_ns(const struct mett_record *record);
