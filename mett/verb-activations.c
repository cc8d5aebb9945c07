#include "history.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "verbs.h"

#include <string.h>

static void add_row(const struct mett_record *record, void *context)
{
	struct table *table = context;
	uint64_t duration_ns = history_duration_ns(record);
	char unit[TEXT_UNIT_MAX], why[HISTORY_WHY_MAX];

	table_cell(table, "%llu", (unsigned long long)record->activation);
	table_cell(table, "%s", record->action);
	table_cell(table, "%u", record->version);
	table_cell(table, "%s", text_time(record->begin_us, unit));
	table_cell(table, "%s", duration_ns ? text_duration(duration_ns, unit) : "-");
	table_cell(table, "%s", record->memory ? text_size(record->memory, unit) : "-");
	if (record->calls > 1)
		table_cell(table, "%llu calls", (unsigned long long)record->calls);
	else if (record->error.reason == METT_OK)
		table_cell(table, "ok");
	else
		table_cell(table, "%s", history_why(record, why));
}

static void add_json(const struct mett_record *record, void *context)
{
	json_array_append_new(context, history_json(record));
}

static int print_table(const struct options *options, struct mett_records_query *query)
{
	static const struct column columns[] = {
		{"ID", COLUMN_RIGHT},           {"ACTION", COLUMN_LEFT, true},
		{"VERSION", COLUMN_RIGHT},      {"BEGAN", COLUMN_LEFT},
		{"TOOK", COLUMN_RIGHT},         {"MEMORY", COLUMN_RIGHT},
		{"OUTCOME", COLUMN_LEFT, true},
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int status = history_sorted(options, query, add_row, table);

	table_print(table, status == STATUS_GOOD ? "No activation is recorded that fits." : NULL);
	return status;
}

static int print_json(const struct options *options, struct mett_records_query *query)
{
	json_t *list = json_array();
	int status = history_sorted(options, query, add_json, list);

	if (status == STATUS_GOOD)
		json_print(list);
	else
		json_decref(list);
	return status;
}

static int run(struct options *options)
{
	static const struct option own[] = {HISTORY_OPTIONS, {0}};
	struct mett_records_query query = {0};
	int letter;

	while ((letter = options_next(options, HISTORY_LETTERS, own)) != OPTIONS_END)
		history_option(&query, options, letter);
	options_operands(options, 0, 1, "[NAME]");
	return (options->json ? print_json : print_table)(options, &query);
}

const struct verb verb_activations = {
	.name = "activations",
	.summary = "show what became of invocations",
	.usage = "[OPTION]... [NAME]",
	.text = "Shows the activations that mett-recorder has recorded, of all actions or of NAME, the\n"
		"newest last: what ran, when, how long, how much memory it took, and how it ended.\n"
		"\n" HISTORY_HELP,
	.examples = "  mett activations\n"
		    "  mett activations --failed --since=1h\n"
		    "  mett activations --json --limit=5 hello\n",
	.run = run,
};
