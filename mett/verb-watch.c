/* mett watch: deploy a function each time it is saved, and show what it answers. */
#include "argument.h"
#include "change.h"
#include "connection.h"
#include "follow.h"
#include "given.h"
#include "json.h"
#include "progress.h"
#include "request.h"
#include "server.h"
#include "text.h"
#include "verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPTION_PRIVATE = OPTIONS_LONG };

struct watch {
	struct options *options;
	struct deployment *model;
	const struct request *request;
	struct follow file;
	struct mett_client *client; /* of the try under way; NULL: none */
	uint32_t version;
	uint64_t begin_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What is about the answer, not the answer. */
__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	struct colours colours = text_colours(stderr);
	va_list args;

	text_flush();
	fputs(colours.faint, stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "%s\n", colours.off);
}

/* Saves that change nothing use up no versions: only so many are kept. */
static int deploy(struct watch *watch, const struct deployment *deployment)
{
	struct change change = {0};
	struct mett_error error;

	int status = change_find(watch->client, deployment, &change);
	bool unchanged = change.kind == CHANGE_NONE;
	watch->version = change.version;
	change_deinit(&change);
	if (status != STATUS_GOOD || unchanged)
		return status;
	progress_begin("deploying %s", deployment->name);
	int failure = mett_action_deploy_fd(watch->client, deployment->name, deployment->program,
	                                    &deployment->options, &watch->version, &error);
	progress_end();
	return failure ? say_error(&error) : STATUS_GOOD;
}

static int submit(struct watch *watch, const char *name)
{
	const struct request *request = watch->request;
	struct mett_error error;

	watch->begin_ns = now_ns();
	if (mett_action_submit(watch->client, name, request->argument, request->size,
	                       &request->config, 0, &error))
		return say_error(&error);
	return STATUS_GOOD;
}

static void give_up(struct watch *watch)
{
	mett_client_free(watch->client);
	watch->client = NULL;
}

/* Each try is a client of its own: leaving it ends what it has begun. */
static int begin(struct watch *watch)
{
	struct deployment deployment;
	int status;

	deployment_copy(&deployment, watch->model, watch->model->path);
	strcpy(deployment.name, watch->model->name);
	status = deployment_open(&deployment);
	if (status == STATUS_GOOD)
		status = connection_open(watch->options, &watch->client);
	if (status == STATUS_GOOD)
		status = deploy(watch, &deployment);
	if (status == STATUS_GOOD)
		status = submit(watch, deployment.name);
	if (status != STATUS_GOOD)
		give_up(watch);
	deployment_deinit(&deployment);
	return status;
}

static void print_json(const struct watch *watch, const struct mett_result *result, uint64_t ns)
{
	json_t *object =
		json_pack("{s:i, s:I}", "version", (int)watch->version, "time_ns", (json_int_t)ns);

	if (result->error.reason == METT_OK)
		json_bytes(object, "answer", result->answer, result->answer_size);
	else
		json_object_set_new(object, "error", json_error(&result->error));
	json_bytes(object, "log", result->log, result->log_size);
	json_print_line(object);
}

static void print(const struct watch *watch, const struct mett_result *result)
{
	uint64_t ns = now_ns() - watch->begin_ns;
	const char *answer = result->answer;
	char unit[TEXT_UNIT_MAX];

	if (watch->options->json) {
		print_json(watch, result, ns);
		return;
	}
	if (result->error.reason == METT_OK) {
		fwrite(answer, 1, result->answer_size, stdout);
		/* The next answer begins a line. */
		if (result->answer_size && answer[result->answer_size - 1] != '\n')
			putchar('\n');
		text_flush();
	} else {
		say("%s", result->error.message);
	}
	text_print(stderr, result->log, result->log_size);
	if (result->log_size && result->log[result->log_size - 1] != '\n')
		fputc('\n', stderr);
	note("-- version %u, %s", watch->version, text_duration(ns, unit));
}

static void take_outcome(struct watch *watch)
{
	struct mett_result result;
	uint64_t token;
	int outcome = mett_client_complete(watch->client, 0, &token, &result);

	if (outcome > 0) {
		print(watch, &result);
		mett_result_deinit(&result);
	} else if (outcome < 0) {
		say("the server is gone; the next save looks for it again");
	}
	if (outcome)
		give_up(watch);
}

/* Goes on until it is interrupted, or the file's folder or the standard output is gone. */
static int follow(struct watch *watch)
{
	while (!ferror(stdout)) {
		struct pollfd polls[] = {
			{watch->file.fd, POLLIN, 0},
			{watch->client ? mett_client_fd(watch->client) : -1, POLLIN, 0},
		};

		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			return STATUS_REFUSED;
		int saved = polls[0].revents ? follow_saved(&watch->file) : 0;
		if (saved < 0) {
			say("the folder of '%s' is gone", watch->model->path);
			return STATUS_REFUSED;
		}
		if (saved && watch->client)
			note("-- saved meanwhile: version %u is cancelled", watch->version);
		if (saved) {
			give_up(watch);
			begin(watch);
		} else if (polls[1].revents) {
			take_outcome(watch);
		}
	}
	return STATUS_GOOD;
}

static int watch_file(struct options *options, struct deployment *model, struct request *request)
{
	struct watch watch = {.options = options, .model = model, .request = request};
	int status = request_read(request, options, options->operands[1]);

	if (status != STATUS_GOOD)
		return status;
	int error = follow_init(&watch.file, model->path);
	if (error) {
		say("cannot watch '%s': %s", model->path, strerror(-error));
		return STATUS_REFUSED;
	}
	/* What is wrong with the function is to be mended; a server is not made by saving. */
	status = begin(&watch);
	if (status != STATUS_UNREACHABLE) {
		note("-- watching %s; Ctrl-C ends it", model->path);
		status = follow(&watch);
	}
	give_up(&watch);
	follow_deinit(&watch.file);
	return status;
}

static int run(struct options *options)
{
	static const struct option own[] = {
		GIVEN_OPTIONS,
		REQUEST_OPTIONS,
		{"private", no_argument, NULL, OPTION_PRIVATE},
		{0},
	};
	struct private_server server;
	struct request request = {0};
	struct deployment model;
	bool alone = false;
	char why[256];
	int letter;

	deployment_init(&model, "");
	while ((letter = options_next(options, GIVEN_LETTERS REQUEST_LETTERS, own)) != OPTIONS_END)
		if (letter == OPTION_PRIVATE)
			alone = true;
		else if (!given_option(&model, options, letter))
			request_option(&request, options, letter);
	options_operands(options, 1, 2, "which file to watch");
	model.path = options->operands[0];
	if (!deployment_set_name(&model, NULL))
		options_wrong(options, "'%s' is no name for an action; use [A-Za-z0-9._-]{1,%d}",
		              model.path, METT_NAME_MAX);
	if (alone && private_server_start(&server, why, sizeof(why)) < 0) {
		say("%s", why);
		return STATUS_UNREACHABLE;
	}
	if (alone) {
		options->socket = server.socket;
		options->space = server.space;
	}
	int status = watch_file(options, &model, &request);
	if (alone)
		private_server_stop(&server);
	request_deinit(&request);
	deployment_deinit(&model);
	return status;
}

const struct verb verb_watch = {
	.name = "watch",
	.summary = "deploy a function each time it is saved, and show its answer",
	.usage = "[OPTION]... FILE [ARGUMENT]",
	.text = "Deploys a function and invokes it, now and each time its file is saved, and shows the\n"
		"answer and how long it took. What does not compile or fails is told, and the next\n"
		"save tried. One that still runs when the file is saved again is cancelled. Ctrl-C\n"
		"ends it.\n"
		"\n"
		"      --private            in a server of its own, as 'mett run'\n" GIVEN_HELP
			REQUEST_HELP,
	.examples = "  mett watch hello.py world\n"
		    "  mett watch --private hello.c world\n",
	.run = run,
};
