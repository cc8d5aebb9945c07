#include "connection.h"
#include "request.h"
#include "verbs.h"

static int invoke(const struct options *options, struct request *request)
{
	struct mett_client *client;

	int status = request_read(request, options, options->operands[1]);
	if (status == STATUS_GOOD)
		status = connection_open(options, &client);
	if (status != STATUS_GOOD)
		return status;
	status = request_make(request, &client, options->operands[0], options->json);
	mett_client_free(client);
	return status;
}

static int run(struct options *options)
{
	static const struct option own[] = {REQUEST_OPTIONS, {0}};
	struct request request = {0};
	int letter;

	while ((letter = options_next(options, REQUEST_LETTERS, own)) != OPTIONS_END)
		request_option(&request, options, letter);
	options_operands(options, 1, 2, "which action to invoke; 'mett list' shows them");
	int status = invoke(options, &request);
	request_deinit(&request);
	return status;
}

const struct verb verb_invoke = {
	.name = "invoke",
	.summary = "run a function and print its answer",
	.usage = "[OPTION]... NAME [ARGUMENT]",
	.text = "Invokes an action with an argument, and prints its answer as it is. Without ARGUMENT\n"
		"and --file the argument is read from the standard input, unless that is a terminal.\n"
		"When the function fails, why and its log go to the standard error, and the exit\n"
		"status is 1. Ctrl-C cancels it on the server too.\n"
		"\n" REQUEST_HELP,
	.examples = "  mett invoke hello world\n"
		    "  echo world | mett invoke hello\n"
		    "  mett invoke --time --timeout=1s hello world\n"
		    "  mett invoke hello -- --time\n",
	.run = run,
};
