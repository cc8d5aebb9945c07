#include <string.h>

#include <mett-eagle/client.h>

#include "measure.h"

static const char action[] = "peer";
static struct mett_client *client;

static int begin(char **arguments)
{
	static const char *const policies[] = {
		[METT_POLICY_FORK] = "fork",
		[METT_POLICY_SPAWN] = "spawn",
		[METT_POLICY_REUSE] = "reuse",
	};
	struct mett_action_options options = {0};
	struct mett_error error;

	for (int policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++)
		if (!strcmp(arguments[2], policies[policy]))
			options.policy = (enum mett_policy)policy;
	if (!options.policy)
		return complain(arguments[2], "no such policy");
	if (mett_register_client(arguments[0], &client, &error))
		return complain(arguments[0], error.message);
	if (mett_action_create_path(client, action, arguments[1], &options, &error))
		return complain(arguments[1], error.message);
	return 0;
}

static int call(void)
{
	struct mett_result result = {0};

	if (mett_action_invoke(client, action, NULL, 0, NULL, &result)) {
		complain("invocation", result.error.message);
		mett_result_deinit(&result);
		return -1;
	}
	mett_result_deinit(&result);
	return 0;
}

static void end(void)
{
	mett_client_free(client);
}

const struct way way_invoke = {"invoke", "SOCKET FUNCTION fork|reuse|spawn", 3, begin, call, end};
