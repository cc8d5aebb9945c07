/* mett run: try a function, with a server of its own that is gone afterwards. */
#include "connection.h"
#include "given.h"
#include "progress.h"
#include "request.h"
#include "server.h"
#include "text.h"
#include "verbs.h"

static int create(struct mett_client *client, const struct deployment *deployment)
{
	struct mett_error error;

	progress_begin("starting %s", deployment->name);
	int failure = mett_action_create_fd(client, deployment->name, deployment->program,
	                                    &deployment->options, &error);
	progress_end();
	return failure ? say_error(&error) : STATUS_GOOD;
}

static int try_once(struct options *options, const struct deployment *deployment,
                    const struct request *request)
{
	struct mett_client *client;
	int status = connection_open(options, &client);

	if (status != STATUS_GOOD)
		return status;
	status = create(client, deployment);
	if (status == STATUS_GOOD)
		status = request_make(request, &client, deployment->name, options->json);
	mett_client_free(client);
	return status;
}

static int try_file(struct options *options, struct deployment *deployment, struct request *request)
{
	struct private_server server;
	char why[256];
	int status = deployment_open(deployment);

	if (status == STATUS_GOOD)
		status = request_read(request, options, options->operands[1]);
	if (status != STATUS_GOOD)
		return status;
	if (private_server_start(&server, why, sizeof(why)) < 0) {
		say("%s", why);
		return STATUS_UNREACHABLE;
	}
	options->socket = server.socket;
	options->space = server.space;
	status = try_once(options, deployment, request);
	private_server_stop(&server);
	return status;
}

static int run(struct options *options)
{
	static const struct option own[] = {GIVEN_OPTIONS, REQUEST_OPTIONS, {0}};
	struct request request = {0};
	struct deployment deployment;
	int letter;

	deployment_init(&deployment, "");
	while ((letter = options_next(options, GIVEN_LETTERS REQUEST_LETTERS, own)) != OPTIONS_END)
		if (!given_option(&deployment, options, letter))
			request_option(&request, options, letter);
	options_operands(options, 1, 2, "which file to try");
	deployment.path = options->operands[0];
	if (!deployment_set_name(&deployment, NULL))
		deployment_set_name(&deployment, "function");
	int status = try_file(options, &deployment, &request);
	request_deinit(&request);
	deployment_deinit(&deployment);
	return status;
}

const struct verb verb_run = {
	.name = "run",
	.summary = "try a function without a server",
	.usage = "[OPTION]... FILE [ARGUMENT]",
	.text = "Runs a function once and prints its answer, as 'mett deploy' and 'mett invoke' would,\n"
		"but in a server of its own that is gone afterwards: there is nothing to set up, and\n"
		"nothing stays. Ctrl-C ends all of it.\n"
		"\n" GIVEN_HELP REQUEST_HELP,
	.examples = "  mett run hello.py world\n"
		    "  echo world | mett run hello.c\n"
		    "  mett run --grant=system greet.sh world\n",
	.run = run,
};
