#include "connection.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "users.h"
#include "verbs.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A limit, as it is named and where it is. */
static const struct limit {
	const char *name;
	size_t offset;
	bool is_size;
} limits[] = {
	{"actions", offsetof(struct mett_quota, actions), false},
	{"code", offsetof(struct mett_quota, code), true},
	{"memory", offsetof(struct mett_quota, memory), true},
	{"parked", offsetof(struct mett_quota, parked), false},
	{"concurrent", offsetof(struct mett_quota, concurrent), false},
	{"rate", offsetof(struct mett_quota, rate), false},
};

enum { LIMIT_COUNT = sizeof(limits) / sizeof(limits[0]) };

static uint64_t limit_get(const struct limit *limit, const struct mett_quota *quota)
{
	return *(const uint64_t *)((const char *)quota + limit->offset);
}

static void limit_set(const struct limit *limit, struct mett_quota *quota, uint64_t value)
{
	*(uint64_t *)((char *)quota + limit->offset) = value;
}

static const char *limit_text(const struct limit *limit, uint64_t value,
                              char buffer[static TEXT_UNIT_MAX])
{
	if (limit->is_size)
		return text_size(value, buffer);
	snprintf(buffer, TEXT_UNIT_MAX, "%llu", (unsigned long long)value);
	return buffer;
}

static void add_cells(struct table *table, const struct mett_namespace_info *row)
{
	char user[USER_TEXT_MAX], used[TEXT_UNIT_MAX], most[TEXT_UNIT_MAX];
	char *members = text_format("%s", row->member_count ? "" : "-");

	for (uint32_t i = 0; i < row->member_count && i < METT_MEMBERS_MAX; i++) {
		char *more = text_format("%s%s%s", members, i ? "," : "",
		                         user_text(row->members[i], user));
		free(members);
		members = more;
	}
	table_cell(table, "%s", row->name);
	table_cell(table, "%s", user_text(row->owner, user));
	table_cell(table, "%s", members);
	free(members);
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		uint64_t limit = limit_get(&limits[i], &row->quota);

		limit_text(&limits[i], limit_get(&limits[i], &row->used), used);
		if (limit)
			table_cell(table, "%s/%s", used, limit_text(&limits[i], limit, most));
		else
			table_cell(table, "%s", used);
	}
}

static void print_table(const struct mett_namespace_info *rows, size_t count)
{
	static const struct column columns[] = {
		{"NAME", COLUMN_LEFT, true},    {"OWNER", COLUMN_LEFT, true},
		{"MEMBERS", COLUMN_LEFT, true}, {"ACTIONS", COLUMN_RIGHT},
		{"CODE", COLUMN_RIGHT},         {"MEMORY", COLUMN_RIGHT},
		{"PARKED", COLUMN_RIGHT},       {"CONCURRENT", COLUMN_RIGHT},
		{"RATE", COLUMN_RIGHT},
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));

	for (size_t i = 0; i < count; i++)
		add_cells(table, &rows[i]);
	table_print(table, "There is no namespace yet; 'mett deploy FILE' makes your own.");
}

static json_t *quota_json(const struct mett_quota *quota)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		json_object_set_new(object, limits[i].name,
		                    json_integer((json_int_t)limit_get(&limits[i], quota)));
	return object;
}

static void print_json(const struct mett_namespace_info *rows, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *members = json_array();

		for (uint32_t j = 0; j < rows[i].member_count && j < METT_MEMBERS_MAX; j++)
			json_array_append_new(members, json_integer(rows[i].members[j]));
		json_array_append_new(list,
		                      json_pack("{s:s, s:I, s:o, s:o, s:o}", "name", rows[i].name,
		                                "owner", (json_int_t)rows[i].owner, "members",
		                                members, "quota", quota_json(&rows[i].quota),
		                                "used", quota_json(&rows[i].used)));
	}
	json_print(list);
}

static int list(struct options *options, struct mett_client *client, char **words)
{
	struct mett_namespace_info *rows;
	struct mett_error error;
	size_t count;

	if (mett_namespace_list(client, &rows, &count, &error) < 0)
		return say_error(&error);
	(options->json ? print_json : print_table)(rows, count);
	free(rows);
	return STATUS_GOOD;
}

/* What was done, in a sentence or as {"name", "done"}. */
static int done(const struct options *options, const char *name, const char *what)
{
	if (options->json)
		json_print(json_pack("{s:s, s:s}", "name", name, "done", what));
	else
		printf("%s: %s\n", name, what);
	return STATUS_GOOD;
}

static int create(struct options *options, struct mett_client *client, char **words)
{
	struct mett_error error;

	if (mett_namespace_create(client, words[0], &error) < 0)
		return say_error(&error);
	return done(options, words[0], "created");
}

static int drop(struct options *options, struct mett_client *client, char **words)
{
	struct mett_error error;

	if (mett_namespace_delete(client, words[0], &error) < 0)
		return say_error(&error);
	return done(options, words[0], "deleted");
}

static int admit(struct options *options, struct mett_client *client, char **words, int allowed)
{
	struct mett_error error;
	uint32_t uid;

	if (!user_find(words[1], &uid))
		options_wrong(options, "there is no user '%s'", words[1]);
	if (mett_namespace_allow(client, words[0], uid, allowed, &error) < 0)
		return say_error(&error);
	char *what = text_format("%s %s", words[1], allowed ? "may use it" : "may not use it");
	int status = done(options, words[0], what);
	free(what);
	return status;
}

static int allow(struct options *options, struct mett_client *client, char **words)
{
	return admit(options, client, words, 1);
}

static int deny(struct options *options, struct mett_client *client, char **words)
{
	return admit(options, client, words, 0);
}

static void take_limit(const struct options *options, const char *word, struct mett_quota *quota)
{
	const char *names[LIMIT_COUNT + 1] = {0}, *value = strchr(word, '='), *nearest;
	char *name = text_format("%.*s", (int)strcspn(word, "="), word);
	uint64_t number = 0;

	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		names[i] = limits[i].name;
		if (!value || strcmp(limits[i].name, name))
			continue;
		if (strcmp(value + 1, "none") && strcmp(value + 1, "0"))
			number = limits[i].is_size
			                 ? options_size(options, name, value + 1)
			                 : options_count(options, name, value + 1, 1, UINT32_MAX);
		limit_set(&limits[i], quota, number);
		free(name);
		return;
	}
	nearest = text_nearest(name, names);
	if (!value)
		options_wrong(options, "'%s' is not of the form LIMIT=VALUE", word);
	options_wrong(options, "there is no limit '%s'; say %s", name,
	              nearest ? nearest : "actions, code, memory, parked, concurrent or rate");
}

/* Those that are not named stay as they are. */
static int limit(struct options *options, struct mett_client *client, char **words)
{
	struct mett_namespace_info *rows;
	struct mett_error error;
	struct mett_quota quota = {0};
	size_t count;

	if (mett_namespace_list(client, &rows, &count, &error) < 0)
		return say_error(&error);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(rows[i].name, words[0]))
			quota = rows[i].quota;
	free(rows);
	for (char **word = words + 1; *word; word++)
		take_limit(options, *word, &quota);
	if (mett_namespace_limit(client, words[0], &quota, &error) < 0)
		return say_error(&error);
	return done(options, words[0], "limits are set");
}

static const struct task {
	const char *name;
	int least, most; /* words behind it */
	const char *what;
	int (*run)(struct options *options, struct mett_client *client, char **words);
} tasks[] = {
	{"list", 0, 0, "", list},
	{"create", 1, 1, "how it is to be called", create},
	{"delete", 1, 1, "which namespace", drop},
	{"allow", 2, 2, "which namespace, and which user", allow},
	{"deny", 2, 2, "which namespace, and which user", deny},
	{"limit", 2, INT_MAX, "which namespace, and limits as in rate=100", limit},
};

enum { TASK_COUNT = sizeof(tasks) / sizeof(tasks[0]) };

static const struct task *find_task(const struct options *options, const char *name)
{
	const char *names[TASK_COUNT + 1] = {0}, *nearest;

	for (unsigned i = 0; i < TASK_COUNT; i++) {
		if (!strcmp(tasks[i].name, name))
			return &tasks[i];
		names[i] = tasks[i].name;
	}
	nearest = text_nearest(name, names);
	options_wrong(options, "there is no '%s'; say %s", name,
	              nearest ? nearest : "list, create, delete, allow, deny or limit");
}

static int run(struct options *options)
{
	struct mett_client *client;

	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	const struct task *task = tasks;
	if (options->operand_count) {
		task = find_task(options, options->operands[0]);
		options->operands++;
		options->operand_count--;
	}
	options_operands(options, task->least, task->most, task->what);
	/* Whoever has no namespace to be in may ask too. */
	int status = connection_open_private(options, &client);
	if (status != STATUS_GOOD)
		return status;
	status = task->run(options, client, options->operands);
	mett_client_free(client);
	return status;
}

const struct verb verb_ns = {
	.name = "ns",
	.summary = "show namespaces, and who may use them how much",
	.usage = "[OPTION]... [list | create NAME | delete NAME | allow NAME USER |\n"
		 "               deny NAME USER | limit NAME LIMIT=VALUE...]",
	.text = "Without more it lists the namespaces that you may use: owner, members, and what is\n"
		"used of which limit. Your own, u and your user's number, is there by itself. One that\n"
		"you create is yours: you may delete it once it has no action, and allow others to use\n"
		"it. Root, and the user the server runs as, can limit it: actions, code, memory, parked\n"
		"(workers), concurrent (invocations), rate (invocations a second); none lifts a limit.\n",
	.examples = "  mett ns\n"
		    "  mett ns create team\n"
		    "  mett ns allow team nobody\n"
		    "  mett ns deny team nobody\n"
		    "  mett ns limit team code=100M rate=1000 concurrent=none\n"
		    "  mett ns delete team\n",
	.run = run,
};
