#include "change.h"
#include "connection.h"
#include "given.h"
#include "json.h"
#include "plan.h"
#include "progress.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_NAME = OPTIONS_LONG,
	OPTION_TIMEOUT,
	OPTION_MEMORY,
	OPTION_CONCURRENCY,
	OPTION_DRY_RUN,
	OPTION_PRUNE,
};

static const char usual_plan[] = "mett.yaml";

/* What the command line says. */
struct request {
	const char *name;
	const char *plan;
	struct deployment model; /* its options are those of each file */
	bool has_options, dry_run, prune;
};

/* One that the plan leaves out. */
struct leftover {
	char name[METT_NAME_MAX + 1];
	bool deleted;
};

/* What is done, and how far it is. */
struct work {
	struct mett_client *client;
	struct plan *plan;
	struct change *changes;
	uint32_t *versions; /* that were made; 0: none */
	struct leftover *leftovers;
	size_t leftover_count;
	bool show_changes, dry_run, prune, json;
};

static int open_all(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		int status = deployment_open(&plan->rows[i]);

		if (status != STATUS_GOOD)
			return status;
	}
	return STATUS_GOOD;
}

static bool is_planned(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!strcmp(plan->rows[i].name, name))
			return true;
	return false;
}

static int find_leftovers(struct work *work)
{
	struct mett_action_info *rows;
	struct mett_error error;
	size_t count;

	if (mett_action_list(work->client, &rows, &count, &error) < 0)
		return say_error(&error);
	work->leftovers = text_need(calloc(count + 1, sizeof(*work->leftovers)));
	for (size_t i = 0; i < count; i++)
		if (!is_planned(work->plan, rows[i].name))
			strcpy(work->leftovers[work->leftover_count++].name, rows[i].name);
	free(rows);
	return STATUS_GOOD;
}

static int find_changes(struct work *work)
{
	for (size_t i = 0; i < work->plan->count; i++) {
		int status = change_find(work->client, &work->plan->rows[i], &work->changes[i]);

		if (status != STATUS_GOOD)
			return status;
	}
	return work->prune ? find_leftovers(work) : STATUS_GOOD;
}

static void show_changes(const struct work *work)
{
	struct colours colours = text_colours(stdout);

	/* Without a plan nobody wrote down that options are to go. */
	for (size_t i = 0; i < work->plan->count; i++)
		if (work->show_changes || work->changes[i].drops)
			change_print(&work->changes[i], work->plan->rows[i].name);
	for (size_t i = 0; i < work->leftover_count; i++)
		printf("%s- %s: deleted, with all its versions%s\n", colours.bad,
		       work->leftovers[i].name, colours.off);
	text_flush();
}

static int deploy_one(struct work *work, size_t i)
{
	const struct deployment *row = &work->plan->rows[i];
	struct mett_error error;
	char unit[TEXT_UNIT_MAX];

	progress_begin("deploying %s", row->name);
	int failure = mett_action_deploy_fd(work->client, row->name, row->program, &row->options,
	                                    &work->versions[i], &error);
	progress_end();
	if (failure)
		return say_error(&error) == STATUS_UNREACHABLE ? STATUS_UNREACHABLE
		                                               : STATUS_REFUSED;
	if (!work->json)
		printf("%s: version %u is deployed (%s, %s)\n", row->name, work->versions[i],
		       mett_language_name(row->options.language),
		       text_size((uint64_t)lseek(row->program, 0, SEEK_END), unit));
	text_flush();
	return STATUS_GOOD;
}

static int do_changes(struct work *work)
{
	struct mett_error error;

	for (size_t i = 0; i < work->plan->count; i++) {
		int status = STATUS_GOOD;

		if (work->changes[i].kind != CHANGE_NONE)
			status = deploy_one(work, i);
		else if (!work->show_changes && !work->json)
			printf("%s: %s\n", work->plan->rows[i].name, work->changes[i].text);
		if (status != STATUS_GOOD)
			return status;
	}
	for (size_t i = 0; i < work->leftover_count; i++) {
		if (mett_action_delete(work->client, work->leftovers[i].name, &error) < 0)
			return say_error(&error);
		work->leftovers[i].deleted = true;
		if (!work->json)
			printf("%s: deleted\n", work->leftovers[i].name);
	}
	return STATUS_GOOD;
}

static void print_json(const struct work *work)
{
	json_t *list = json_array();

	for (size_t i = 0; i < work->plan->count; i++) {
		json_t *row = change_json(&work->changes[i], work->plan->rows[i].name);

		json_object_set_new(row, "deployed", json_boolean(work->versions[i]));
		if (work->versions[i])
			json_object_set_new(row, "version", json_integer(work->versions[i]));
		json_array_append_new(list, row);
	}
	for (size_t i = 0; i < work->leftover_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name",
		                                      work->leftovers[i].name, "change", "delete",
		                                      "deleted", work->leftovers[i].deleted));
	json_print(list);
}

static int do_work(struct work *work)
{
	int status = find_changes(work);

	if (status != STATUS_GOOD)
		return status;
	if (!work->json)
		show_changes(work);
	if (!work->dry_run)
		status = do_changes(work);
	if (work->json)
		print_json(work);
	return status;
}

static int deploy(struct options *options, const struct request *request, struct plan *plan)
{
	struct work work = {
		.plan = plan,
		.show_changes = request->plan || request->dry_run,
		.dry_run = request->dry_run,
		.prune = request->prune,
		.json = options->json,
	};

	if (plan->space && !options->space)
		options->space = plan->space;
	int status = open_all(plan);
	if (status == STATUS_GOOD)
		status = connection_open(options, &work.client);
	if (status != STATUS_GOOD)
		return status;
	work.changes = text_need(calloc(plan->count, sizeof(*work.changes)));
	work.versions = text_need(calloc(plan->count, sizeof(*work.versions)));
	status = do_work(&work);
	for (size_t i = 0; i < plan->count; i++)
		change_deinit(&work.changes[i]);
	free(work.changes);
	free(work.versions);
	free(work.leftovers);
	mett_client_free(work.client);
	return status;
}

/* Each file with the options of the command line. */
static void plan_of_files(const struct options *options, const struct request *request,
                          struct plan *ret)
{
	*ret = (struct plan){.count = (size_t)options->operand_count};
	ret->rows = text_need(calloc(ret->count, sizeof(*ret->rows)));
	for (size_t i = 0; i < ret->count; i++) {
		struct deployment *row = &ret->rows[i];

		deployment_copy(row, &request->model, options->operands[i]);
		if (!deployment_set_name(row, request->name))
			options_wrong(options,
			              "'%s' is no name for an action; give one of "
			              "[A-Za-z0-9._-]{1,%d} with --name",
			              request->name ? request->name : row->path, METT_NAME_MAX);
		if (is_planned(&(struct plan){.rows = ret->rows, .count = i}, row->name))
			options_wrong(options, "'%s' would be the name of two files", row->name);
	}
}

static int run_request(struct options *options, struct request *request)
{
	struct plan plan;
	int status = STATUS_USAGE;

	if (options->operand_count && request->plan)
		options_wrong(options, "give files, or a mett.yaml with --file, not both");
	if (request->name && options->operand_count != 1)
		options_wrong(options, "--name goes with one file");
	if (options->operand_count) {
		if (request->prune)
			options_wrong(options, "--prune goes with a mett.yaml");
		plan_of_files(options, request, &plan);
		status = deploy(options, request, &plan);
	} else {
		if (request->has_options)
			options_wrong(options, "what is deployed from a mett.yaml has its options "
			                       "there; or give a file");
		if (!request->plan && access(usual_plan, F_OK) < 0)
			options_wrong(options, "there is no mett.yaml here; give a file, as in "
			                       "'mett deploy hello.py'");
		if (!request->plan)
			request->plan = usual_plan;
		if (plan_read(request->plan, &plan))
			status = deploy(options, request, &plan);
	}
	plan_deinit(&plan);
	return status;
}

static void take_option(const struct options *options, struct request *request, int letter)
{
	struct mett_action_options *model = &request->model.options;

	request->has_options = true;
	if (given_option(&request->model, options, letter))
		return;
	switch (letter) {
	case OPTION_NAME:
		request->name = optarg;
		return;
	case OPTION_TIMEOUT:
		model->defaults.timeout_us = options_duration_us(options, "--timeout", optarg);
		return;
	case OPTION_MEMORY:
		model->defaults.memory_limit = options_memory(options, optarg);
		return;
	case OPTION_CONCURRENCY:
		model->concurrency =
			(uint32_t)options_count(options, "--concurrency", optarg, 1, UINT32_MAX);
		return;
	}
}

static int run(struct options *options)
{
	static const struct option own[] = {
		{"name", required_argument, NULL, OPTION_NAME},
		GIVEN_OPTIONS,
		{"timeout", required_argument, NULL, OPTION_TIMEOUT},
		{"memory", required_argument, NULL, OPTION_MEMORY},
		{"concurrency", required_argument, NULL, OPTION_CONCURRENCY},
		{"file", required_argument, NULL, 'f'},
		{"prune", no_argument, NULL, OPTION_PRUNE},
		{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
		{0},
	};
	struct request request = {0};
	int letter;

	deployment_init(&request.model, "");
	while ((letter = options_next(options, GIVEN_LETTERS "f:", own)) != OPTIONS_END)
		if (letter == 'f')
			request.plan = optarg;
		else if (letter == OPTION_PRUNE)
			request.prune = true;
		else if (letter == OPTION_DRY_RUN)
			request.dry_run = true;
		else
			take_option(options, &request, letter);
	int status = run_request(options, &request);
	deployment_deinit(&request.model);
	return status;
}

const struct verb verb_deploy = {
	.name = "deploy",
	.summary = "make actions of functions, or their next version",
	.usage = "[OPTION]... [FILE]...",
	.text = "Makes an action of each FILE, or its next version: a source in C or C++, which is\n"
		"compiled, a Python file or zip archive, a program, or a #! script. What runs ends on\n"
		"the old version, the next call gets the new. Without FILE it is done as mett.yaml in\n"
		"this folder says, see mett.yaml(5), and shown before. Options are those of the new\n"
		"version; it is shown when one that the old version had is gone.\n"
		"\n"
		"      --name=NAME          of the action (the file's, without its ending)\n" GIVEN_HELP
		"      --timeout=TIME       limit of an invocation, as 200ms or 1.5s (none)\n"
		"      --memory=SIZE        limit of a worker's memory, as 64M (none)\n"
		"      --concurrency=N      invocations at the same time (no limit)\n"
		"  -f, --file=FILE          another mett.yaml\n"
		"      --prune              delete actions that mett.yaml leaves out\n"
		"      --dry-run            only show what would change\n",
	.examples = "  mett deploy hello.py\n"
		    "  mett deploy hello.py --timeout=200ms --memory=64M --concurrency=8\n"
		    "  mett deploy greet.sh --grant=system --grant=env:GREETING=Hi\n"
		    "  mett deploy --dry-run\n"
		    "  mett deploy\n",
	.run = run,
};
