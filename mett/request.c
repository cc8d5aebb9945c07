#include "request.h"

#include "argument.h"
#include "connection.h"
#include "invocation.h"
#include "json.h"
#include "text.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool request_option(struct request *request, const struct options *options, int letter)
{
	switch (letter) {
	case 'f':
		request->file = optarg;
		return true;
	case 't':
		request->time = true;
		return true;
	case REQUEST_TIMEOUT:
		request->config.timeout_us = options_duration_us(options, "--timeout", optarg);
		return true;
	case REQUEST_MEMORY:
		request->config.memory_limit = options_memory(options, optarg);
		return true;
	default:
		return false;
	}
}

int request_read(struct request *request, const struct options *options, const char *word)
{
	const char *file = request->file;

	if (word && file)
		options_wrong(options, "the argument is there twice, as a word and with --file");
	if (!word && !file && !isatty(STDIN_FILENO))
		file = "-";
	if (file) {
		int status = argument_read(file, &request->data, &request->size);

		request->argument = request->data;
		return status;
	}
	request->argument = word;
	request->size = word ? strlen(word) : 0;
	return STATUS_GOOD;
}

static void print_json(const struct mett_result *result, const struct phases *phases)
{
	json_t *object = json_object();

	json_object_set_new(object, "activation", json_integer((json_int_t)result->activation));
	if (result->error.reason == METT_OK)
		json_bytes(object, "answer", result->answer, result->answer_size);
	else
		json_object_set_new(object, "error", json_error(&result->error));
	json_bytes(object, "log", result->log, result->log_size);
	json_object_set_new(object, "phases_ns", phases_json(phases));
	json_print(object);
}

static void print_log(const struct mett_result *result)
{
	if (!result->log_size)
		return;
	text_print(stderr, result->log, result->log_size);
	if (result->log[result->log_size - 1] != '\n')
		fputc('\n', stderr);
}

/* As it is; but a person's prompt begins in a line of its own. */
static void print_answer(const struct mett_result *result)
{
	const char *answer = result->answer;
	size_t size = result->answer_size;

	fwrite(answer, 1, size, stdout);
	if (size && answer[size - 1] != '\n' && isatty(STDOUT_FILENO))
		putchar('\n');
}

static int print(struct mett_client *client, const struct request *request, const char *name,
                 bool json, const struct mett_result *result, const struct phases *phases)
{
	bool good = result->error.reason == METT_OK;
	int status = STATUS_GOOD;

	if (json)
		print_json(result, phases);
	else if (good)
		print_answer(result);
	if (!good) {
		status = connection_refused(client, name, &result->error);
		if (!json)
			print_log(result);
	}
	/* What was refused took no time of these. */
	if (request->time && result->metadata.start_worker) {
		text_flush();
		phases_draw(phases, stderr);
	}
	return status;
}

int request_make(const struct request *request, struct mett_client **client, const char *name,
                 bool json)
{
	struct mett_result result;
	struct phases phases;

	int signal = invocation_make(client, name, request->argument, request->size,
	                             &request->config, &result, &phases);
	if (signal) {
		say("interrupted: the invocation of '%s' is cancelled", name);
		return STATUS_SIGNAL + signal;
	}
	int status = print(*client, request, name, json, &result, &phases);
	mett_result_deinit(&result);
	return status;
}

void request_deinit(struct request *request)
{
	free(request->data);
	request->data = NULL;
}
