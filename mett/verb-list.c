#include "connection.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

/* An action, and how it is used: in all sessions of the namespace, not only in ours. */
struct row {
	struct mett_action_info info;
	struct mett_action_stats stats;
};

static void print_table(const struct row *rows, size_t count)
{
	static const struct column columns[] = {
		{"NAME", COLUMN_LEFT, true}, {"VERSION", COLUMN_RIGHT}, {"LANGUAGE", COLUMN_LEFT},
		{"POLICY", COLUMN_LEFT},     {"SIZE", COLUMN_RIGHT},    {"TIMEOUT", COLUMN_RIGHT},
		{"MEMORY", COLUMN_RIGHT},    {"CALLS", COLUMN_RIGHT},   {"FAILED", COLUMN_RIGHT},
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char unit[TEXT_UNIT_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct mett_action_options *options = &rows[i].info.options;
		uint64_t timeout_us = options->defaults.timeout_us;
		uint64_t memory = options->defaults.memory_limit;

		table_cell(table, "%s", rows[i].info.name);
		table_cell(table, "%u", rows[i].info.version);
		table_cell(table, "%s", mett_language_name(options->language));
		table_cell(table, "%s", text_policy(options->policy));
		table_cell(table, "%s", text_size(rows[i].info.size, unit));
		table_cell(table, "%s", timeout_us ? text_duration(timeout_us * 1000, unit) : "-");
		table_cell(table, "%s", memory ? text_size(memory, unit) : "-");
		table_cell(table, "%llu", (unsigned long long)rows[i].stats.calls);
		table_cell(table, "%llu", (unsigned long long)rows[i].stats.errors);
	}
	table_print(table, "No action is deployed; 'mett deploy FILE' does it.");
}

static void print_json(const struct row *rows, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_options(&rows[i].info.options);

		json_object_set_new(row, "name", json_string(rows[i].info.name));
		json_object_set_new(row, "version", json_integer(rows[i].info.version));
		json_object_set_new(row, "size", json_integer((json_int_t)rows[i].info.size));
		json_object_set_new(row, "calls", json_integer((json_int_t)rows[i].stats.calls));
		json_object_set_new(row, "errors", json_integer((json_int_t)rows[i].stats.errors));
		json_array_append_new(list, row);
	}
	json_print(list);
}

/* Both are by name; between the two questions something may have come or gone. */
static struct row *join(const struct mett_action_info *infos, size_t info_count,
                        const struct mett_action_stats *stats, size_t stats_count)
{
	struct row *rows = text_need(calloc(info_count + 1, sizeof(*rows)));
	size_t next = 0;

	for (size_t i = 0; i < info_count; i++) {
		rows[i].info = infos[i];
		while (next < stats_count && strcmp(stats[next].name, infos[i].name) < 0)
			next++;
		if (next < stats_count && !strcmp(stats[next].name, infos[i].name))
			rows[i].stats = stats[next];
	}
	return rows;
}

static int list(struct mett_client *client, bool json)
{
	struct mett_action_info *infos;
	struct mett_action_stats *stats;
	size_t info_count, stats_count;
	struct mett_error error;

	if (mett_action_list(client, &infos, &info_count, &error) < 0)
		return say_error(&error);
	if (mett_action_stats(client, &stats, &stats_count, &error) < 0) {
		free(infos);
		return say_error(&error);
	}
	struct row *rows = join(infos, info_count, stats, stats_count);
	(json ? print_json : print_table)(rows, info_count);
	free(rows);
	free(stats);
	free(infos);
	return STATUS_GOOD;
}

static int run(struct options *options)
{
	struct mett_client *client;

	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	options_operands(options, 0, 0, "");
	int status = connection_open(options, &client);
	if (status != STATUS_GOOD)
		return status;
	status = list(client, options->json);
	mett_client_free(client);
	return status;
}

const struct verb verb_list = {
	.name = "list",
	.summary = "show what is deployed",
	.usage = "[OPTION]...",
	.text = "Shows the actions of the namespace, by name; calls since the server's start.\n",
	.examples = "  mett list\n"
		    "  mett list --json\n",
	.run = run,
};
