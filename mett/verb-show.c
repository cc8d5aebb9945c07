#include "connection.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST_SHOWN = 12 };

/* All that is known of an action. */
struct facts {
	const char *name;
	struct mett_version *versions;
	size_t version_count;
	const struct mett_version *current;
	struct mett_action_stats stats;
};

static int find_facts(struct mett_client *client, struct facts *facts)
{
	struct mett_action_stats *rows;
	struct mett_error error;
	size_t count;

	if (mett_action_versions(client, facts->name, &facts->versions, &facts->version_count,
	                         &error) < 0)
		return connection_refused(client, facts->name, &error);
	facts->current = &facts->versions[facts->version_count - 1];
	for (size_t i = 0; i < facts->version_count; i++)
		if (facts->versions[i].current)
			facts->current = &facts->versions[i];
	if (mett_action_stats(client, &rows, &count, &error) < 0)
		return say_error(&error);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(rows[i].name, facts->name))
			facts->stats = rows[i];
	free(rows);
	return STATUS_GOOD;
}

static void print_versions(const struct facts *facts)
{
	static const struct column columns[] = {
		{"VERSION", COLUMN_RIGHT}, {"", COLUMN_LEFT},        {"DEPLOYED", COLUMN_LEFT},
		{"SIZE", COLUMN_RIGHT},    {"SHA-256", COLUMN_LEFT},
	};
	struct table *table = table_new(columns, 5);
	char unit[TEXT_UNIT_MAX];

	for (size_t i = 0; i < facts->version_count; i++) {
		const struct mett_version *row = &facts->versions[i];

		table_cell(table, "%u", row->version);
		table_cell(table, "%s", row->current ? "current" : "");
		table_cell(table, "%s", text_time(row->deployed_us, unit));
		table_cell(table, "%s", text_size(row->size, unit));
		table_cell(table, "%.*s", DIGEST_SHOWN, *row->digest ? row->digest : "-");
	}
	table_print(table, "");
}

static void print_limits(const struct mett_action_options *options)
{
	char unit[TEXT_UNIT_MAX];

	printf("timeout      %s\n",
	       options->defaults.timeout_us
	               ? text_duration(options->defaults.timeout_us * 1000, unit)
	               : "none");
	printf("memory       %s\n", options->defaults.memory_limit
	                                    ? text_size(options->defaults.memory_limit, unit)
	                                    : "no limit");
	if (options->concurrency)
		printf("concurrency  %u\n", options->concurrency);
	else
		puts("concurrency  no limit");
}

static void print_grants(const struct mett_action_options *options)
{
	bool any = options->grants & METT_GRANT_SYSTEM;

	printf("grants       %s", any ? "system" : "");
	for (const char *const *entry = options->environment; entry && *entry; entry++) {
		fputs(any ? " env:" : "env:", stdout);
		text_print(stdout, *entry, strlen(*entry));
		any = true;
	}
	puts(any ? "" : "none");
}

static void print_stats(const struct mett_action_stats *stats)
{
	char unit[TEXT_UNIT_MAX];

	printf("calls        %llu, %llu failed\n", (unsigned long long)stats->calls,
	       (unsigned long long)stats->errors);
	printf("workers      %u running, %u parked\n", stats->running, stats->parked);
	if (stats->memory)
		printf("peak         %s\n", text_size(stats->memory, unit));
}

static void print(const struct facts *facts)
{
	const struct mett_action_options *options = &facts->current->options;
	struct colours colours = text_colours(stdout);

	printf("%s%s%s\n", colours.strong, facts->name, colours.off);
	printf("language     %s\n", mett_language_name(options->language));
	printf("policy       %s\n", text_policy(options->policy));
	print_limits(options);
	print_grants(options);
	print_stats(&facts->stats);
	putchar('\n');
	print_versions(facts);
}

static void print_json(const struct facts *facts)
{
	const struct mett_action_stats *stats = &facts->stats;
	json_t *versions = json_array();

	for (size_t i = 0; i < facts->version_count; i++) {
		const struct mett_version *row = &facts->versions[i];
		json_t *object = json_options(&row->options);

		json_object_set_new(object, "version", json_integer(row->version));
		json_object_set_new(object, "current", json_boolean(row->current));
		json_object_set_new(object, "deployed_us",
		                    json_integer((json_int_t)row->deployed_us));
		json_object_set_new(object, "size", json_integer((json_int_t)row->size));
		json_object_set_new(object, "sha256", json_string(row->digest));
		json_array_append_new(versions, object);
	}
	json_print(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name", facts->name,
	                     "version", (json_int_t)facts->current->version, "calls",
	                     (json_int_t)stats->calls, "errors", (json_int_t)stats->errors,
	                     "running", (json_int_t)stats->running, "parked",
	                     (json_int_t)stats->parked, "memory_peak", (json_int_t)stats->memory,
	                     "versions", versions));
}

static int run(struct options *options)
{
	struct mett_client *client;
	struct facts facts = {0};

	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	options_operands(options, 1, 1, "which action; 'mett list' shows them");
	facts.name = options->operands[0];
	int status = connection_open(options, &client);
	if (status != STATUS_GOOD)
		return status;
	status = find_facts(client, &facts);
	if (status == STATUS_GOOD)
		(options->json ? print_json : print)(&facts);
	free(facts.versions);
	mett_client_free(client);
	return status;
}

const struct verb verb_show = {
	.name = "show",
	.summary = "show all about an action, and its versions",
	.usage = "[OPTION]... NAME",
	.text = "Shows what an action was deployed with, what it sees, how it is used, and which\n"
		"versions of it are kept.\n",
	.examples = "  mett show hello\n"
		    "  mett show --json hello\n",
	.run = run,
};
