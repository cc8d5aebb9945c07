#include "plan.h"

#include "text.h"

#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { FILE_MAX = 1 << 20, DEPTH_MAX = 16 };

/* What is being read. */
struct reading {
	struct plan *plan;
	yaml_document_t document;
};

__attribute__((format(printf, 3, 4))) static bool wrong(const struct reading *reading,
                                                        yaml_mark_t mark, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = text_vformat(format, args);
	va_end(args);
	say("%s:%zu:%zu: %s", reading->plan->path, mark.line + 1, mark.column + 1, text);
	free(text);
	return false;
}

static yaml_node_t *node(struct reading *reading, int index)
{
	return yaml_document_get_node(&reading->document, index);
}

/* The text of a scalar, which is the plan's then. */
static const char *text_of(struct reading *reading, const yaml_node_t *scalar)
{
	struct plan *plan = reading->plan;
	char *text = text_format("%s", (const char *)scalar->data.scalar.value);

	plan->texts = text_more(plan->texts, plan->text_count, sizeof(*plan->texts));
	plan->texts[plan->text_count++] = text;
	return text;
}

static bool need_text(struct reading *reading, const yaml_node_t *value, const char *what,
                      const char **ret)
{
	if (value->type != YAML_SCALAR_NODE || !value->data.scalar.length)
		return wrong(reading, value->start_mark, "%s must be one value", what);
	if (memchr(value->data.scalar.value, 0, value->data.scalar.length))
		return wrong(reading, value->start_mark, "%s has a zero byte in it", what);
	*ret = text_of(reading, value);
	return true;
}

/* One key of a mapping, with what its value is taken for. */
struct key {
	const char *name;
	bool (*take)(struct reading *reading, const yaml_node_t *value, struct deployment *row);
};

static const struct key *find_key(struct reading *reading, const yaml_node_t *name,
                                  const struct key *keys, const char *whose)
{
	const char *names[16], *text = "", *nearest;
	unsigned count = 0;

	if (!need_text(reading, name, "a key", &text))
		return NULL;
	for (; keys->name; keys++) {
		if (!strcmp(keys->name, text))
			return keys;
		names[count++] = keys->name;
	}
	names[count] = NULL;
	nearest = text_nearest(text, names);
	wrong(reading, name->start_mark, "%s has no key '%s'%s%s%s", whose, text,
	      nearest ? "; did you mean '" : "; see mett.yaml(5)", nearest ? nearest : "",
	      nearest ? "'?" : "");
	return NULL;
}

static int compare_text(const void *a, const void *b)
{
	const yaml_node_t *left = a, *right = b;

	return strcmp((const char *)left->data.scalar.value,
	              (const char *)right->data.scalar.value);
}

static void keep(void *node)
{
}

/* Two keys that read the same are a mistake, not one of which the last counts. */
static bool check_twice(struct reading *reading, const yaml_node_t *mapping)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	const yaml_node_t *other = NULL, *name = NULL;
	void *seen = NULL;

	for (; other == name && pair < mapping->data.mapping.pairs.top; pair++) {
		name = other = node(reading, pair->key);
		if (name->type == YAML_SCALAR_NODE) {
			const yaml_node_t **found = tsearch(name, &seen, compare_text);

			other = found ? *found : name;
		}
	}
	tdestroy(seen, keep);
	if (other == name)
		return true;
	return wrong(reading, name->start_mark, "'%s' is there twice, before in line %zu",
	             name->data.scalar.value, other->start_mark.line + 1);
}

static bool read_mapping(struct reading *reading, const yaml_node_t *mapping,
                         const struct key *keys, const char *whose, struct deployment *row)
{
	const yaml_node_pair_t *pair;

	if (mapping->type != YAML_MAPPING_NODE)
		return wrong(reading, mapping->start_mark, "%s must be lines of 'key: value'",
		             whose);
	if (!check_twice(reading, mapping))
		return false;
	for (pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
	     pair++) {
		const struct key *key = find_key(reading, node(reading, pair->key), keys, whose);

		if (!key || !key->take(reading, node(reading, pair->value), row))
			return false;
	}
	return true;
}

static bool take_file(struct reading *reading, const yaml_node_t *value, struct deployment *row)
{
	const char *slash = strrchr(reading->plan->path, '/'), *text;

	if (!need_text(reading, value, "file", &text))
		return false;
	row->path = text;
	if (*text == '/' || !slash)
		return true;
	struct plan *plan = reading->plan;
	char **own = &plan->texts[plan->text_count - 1];
	char *joined = text_format("%.*s/%s", (int)(slash - plan->path), plan->path, text);
	free(*own);
	row->path = *own = joined;
	return true;
}

static bool take_language(struct reading *reading, const yaml_node_t *value, struct deployment *row)
{
	const char *text;

	if (!need_text(reading, value, "language", &text))
		return false;
	return deployment_set_language(row, text) ||
	       wrong(reading, value->start_mark,
	             "language: there is no '%s'; say c, c++, python, exec, actionloop or binary",
	             text);
}

static bool take_timeout(struct reading *reading, const yaml_node_t *value, struct deployment *row)
{
	const char *text;

	if (!need_text(reading, value, "timeout", &text))
		return false;
	return text_to_duration(text, &row->options.defaults.timeout_us) ||
	       wrong(reading, value->start_mark,
	             "timeout: '%s' is no time with a unit; say it as 200ms or 1.5s", text);
}

static bool take_memory(struct reading *reading, const yaml_node_t *value, struct deployment *row)
{
	const char *text;

	if (!need_text(reading, value, "memory", &text))
		return false;
	return text_to_memory(text, &row->options.defaults.memory_limit) ||
	       wrong(reading, value->start_mark,
	             "memory: '%s' is no size from 64K, the least that a process can live with; "
	             "say it as 64M or 1.5G",
	             text);
}

static bool take_policy(struct reading *reading, const yaml_node_t *value, struct deployment *row)
{
	const char *text;

	if (!need_text(reading, value, "policy", &text))
		return false;
	return text_to_policy(text, &row->options.policy) ||
	       wrong(reading, value->start_mark,
	             "policy: there is no '%s'; say fork, spawn or reuse", text);
}

static bool take_concurrency(struct reading *reading, const yaml_node_t *value,
                             struct deployment *row)
{
	const char *text;
	uint64_t count;

	if (!need_text(reading, value, "concurrency", &text))
		return false;
	if (!text_to_count(text, 1, UINT32_MAX, &count))
		return wrong(reading, value->start_mark,
		             "concurrency: '%s' is no whole number from 1", text);
	row->options.concurrency = (uint32_t)count;
	return true;
}

static bool take_one_grant(struct reading *reading, const yaml_node_t *value,
                           struct deployment *row)
{
	const char *text;

	if (!need_text(reading, value, "grant", &text))
		return false;
	return deployment_set_grant(row, text) ||
	       wrong(reading, value->start_mark,
	             "grant: there is no '%s'; say system or env:KEY=VALUE", text);
}

static bool take_grant(struct reading *reading, const yaml_node_t *value, struct deployment *row)
{
	if (value->type != YAML_SEQUENCE_NODE)
		return take_one_grant(reading, value, row);
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top; item++)
		if (!take_one_grant(reading, node(reading, *item), row))
			return false;
	return true;
}

static const struct key function_keys[] = {
	{"file", take_file},
	{"language", take_language},
	{"timeout", take_timeout},
	{"memory", take_memory},
	{"policy", take_policy},
	{"grant", take_grant},
	{"concurrency", take_concurrency},
	{0},
};

static bool read_function(struct reading *reading, const yaml_node_t *name,
                          const yaml_node_t *value)
{
	struct plan *plan = reading->plan;
	const char *text;

	if (!need_text(reading, name, "a function's name", &text))
		return false;
	if (plan->count == METT_ACTIONS_MAX)
		return wrong(reading, name->start_mark, "more than %d functions", METT_ACTIONS_MAX);
	plan->rows = text_more(plan->rows, plan->count, sizeof(*plan->rows));
	struct deployment *row = &plan->rows[plan->count++];
	deployment_init(row, "");
	if (!deployment_set_name(row, text))
		return wrong(reading, name->start_mark,
		             "'%s' is no name for a function; use [A-Za-z0-9._-]{1,%d}", text,
		             METT_NAME_MAX);
	/* "hello: hello.py" is short for a function with nothing but its file. */
	if (value->type == YAML_SCALAR_NODE)
		return take_file(reading, value, row);
	if (!read_mapping(reading, value, function_keys, "a function", row))
		return false;
	if (!*row->path)
		return wrong(reading, name->start_mark, "function '%s' has no file", text);
	return true;
}

static bool take_functions(struct reading *reading, const yaml_node_t *value,
                           struct deployment *unused)
{
	const yaml_node_pair_t *pair;

	if (value->type != YAML_MAPPING_NODE)
		return wrong(
			reading, value->start_mark,
			"functions must be lines of 'NAME: FILE', or of 'NAME:' with more below");
	if (!check_twice(reading, value))
		return false;
	for (pair = value->data.mapping.pairs.start; pair < value->data.mapping.pairs.top; pair++)
		if (!read_function(reading, node(reading, pair->key), node(reading, pair->value)))
			return false;
	return true;
}

static bool take_namespace(struct reading *reading, const yaml_node_t *value,
                           struct deployment *unused)
{
	if (!need_text(reading, value, "namespace", &reading->plan->space))
		return false;
	return mett_name_valid(reading->plan->space) ||
	       wrong(reading, value->start_mark,
	             "'%s' is no name for a namespace; use [A-Za-z0-9._-]{1,%d}",
	             reading->plan->space, METT_NAME_MAX);
}

static const struct key file_keys[] = {
	{"namespace", take_namespace},
	{"functions", take_functions},
	{0},
};

static bool read_root(struct reading *reading)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reading->document);

	if (!root)
		return wrong(reading, (yaml_mark_t){0}, "the file is empty; name functions in it");
	if (!read_mapping(reading, root, file_keys, "mett.yaml", NULL))
		return false;
	return reading->plan->count > 0 ||
	       wrong(reading, root->start_mark,
	             "there is no function; name some below 'functions:'");
}

/* The parser's mark is where it noticed, not always where it happened. */
static bool parse(struct reading *reading, yaml_parser_t *parser)
{
	if (!yaml_parser_load(parser, &reading->document)) {
		yaml_mark_t mark = parser->problem_mark;

		if (parser->error == YAML_READER_ERROR)
			mark = parser->mark;
		return wrong(reading, mark, "%s%s%s",
		             parser->problem ? parser->problem : "no memory",
		             parser->context ? " " : "", parser->context ? parser->context : "");
	}
	bool good = read_root(reading);
	yaml_document_delete(&reading->document);
	if (!good)
		return false;
	/* A second document would go unseen. */
	if (!yaml_parser_load(parser, &reading->document))
		return wrong(reading, parser->problem_mark, "%s", parser->problem);
	yaml_node_t *second = yaml_document_get_root_node(&reading->document);
	good = !second || wrong(reading, second->start_mark, "a second document; there can be one");
	yaml_document_delete(&reading->document);
	return good;
}

/* What the parser does with a file takes longer the deeper it is nested, and ours is not deep. */
static bool check_depth(struct reading *reading, yaml_parser_t *parser)
{
	yaml_event_type_t type = YAML_NO_EVENT;
	unsigned depth = 0;
	yaml_event_t event;

	/* What is wrong otherwise is told when it is read. */
	while (type != YAML_STREAM_END_EVENT && yaml_parser_parse(parser, &event)) {
		yaml_mark_t mark = event.start_mark;

		type = event.type;
		yaml_event_delete(&event);
		if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
			depth++;
		else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
			depth--;
		if (depth > DEPTH_MAX)
			return wrong(reading, mark, "nested deeper than %d levels", DEPTH_MAX);
	}
	return true;
}

/* The whole file, or NULL, and why was told. */
static char *load(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "re");
	char *data = text_need(malloc(FILE_MAX + 1));

	*ret_size = file ? fread(data, 1, FILE_MAX + 1, file) : 0;
	if (!file || ferror(file))
		say("cannot read '%s': %s", path, strerror(errno));
	else if (*ret_size > FILE_MAX)
		say("'%s' has more than %d bytes, and is none of ours", path, FILE_MAX);
	else {
		fclose(file);
		return data;
	}
	if (file)
		fclose(file);
	free(data);
	return NULL;
}

static bool with_parser(struct reading *reading, const char *data, size_t size,
                        bool (*look)(struct reading *reading, yaml_parser_t *parser))
{
	yaml_parser_t parser;

	text_need(yaml_parser_initialize(&parser) ? &parser : NULL);
	yaml_parser_set_input_string(&parser, (const unsigned char *)data, size);
	bool good = look(reading, &parser);
	yaml_parser_delete(&parser);
	return good;
}

bool plan_read(const char *path, struct plan *ret)
{
	struct reading reading = {.plan = ret};
	size_t size;

	*ret = (struct plan){.path = path};
	char *data = load(path, &size);
	if (!data)
		return false;
	bool good = with_parser(&reading, data, size, check_depth) &&
	            with_parser(&reading, data, size, parse);
	free(data);
	return good;
}

void plan_deinit(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		deployment_deinit(&plan->rows[i]);
	for (size_t i = 0; i < plan->text_count; i++)
		free(plan->texts[i]);
	free(plan->rows);
	free(plan->texts);
	*plan = (struct plan){0};
}
