#include "connection.h"
#include "json.h"
#include "text.h"
#include "verbs.h"

static int rollback(const struct options *options, const char *name, uint32_t version)
{
	struct mett_client *client;
	struct mett_error error;
	uint32_t current;

	int status = connection_open(options, &client);
	if (status != STATUS_GOOD)
		return status;
	if (mett_action_rollback(client, name, version, &current, &error) < 0) {
		status = connection_refused(client, name, &error);
		if (error.reason == METT_NO_VERSION)
			fprintf(stderr, "'mett show %s' lists the versions that are kept.\n", name);
	} else if (options->json) {
		json_print(json_pack("{s:s, s:I}", "name", name, "version", (json_int_t)current));
	} else {
		printf("%s: version %u is current\n", name, current);
	}
	mett_client_free(client);
	return status;
}

static int run(struct options *options)
{
	uint32_t version = 0;

	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	options_operands(options, 1, 2, "which action; 'mett list' shows them");
	if (options->operand_count > 1)
		version = (uint32_t)options_count(options, "VERSION", options->operands[1], 1,
		                                  UINT32_MAX);
	return rollback(options, options->operands[0], version);
}

const struct verb verb_rollback = {
	.name = "rollback",
	.summary = "go back to an earlier version of an action",
	.usage = "[OPTION]... NAME [VERSION]",
	.text = "Has calls of an action get an earlier version, with the options it was deployed with:\n"
		"VERSION, or else the one before the present one. 'mett show NAME' lists them. The\n"
		"next that is deployed is counted on from the highest.\n",
	.examples = "  mett rollback hello\n"
		    "  mett rollback hello 2\n",
	.run = run,
};
