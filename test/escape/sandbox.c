#include "sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_US = 10000000 };

void sandbox_user(enum user user)
{
	if (user == AS_CALLER)
		return;
	if (geteuid())
		test_skip("the test runs as an ordinary user already");
	become_nobody();
}

struct mett_client *sandbox_begin(struct server *ret, const char *function, enum mett_policy policy)
{
	struct mett_client *client = begin(ret, "");

	deploy(client, function, &(struct mett_action_options){.policy = policy});
	return client;
}

int sandbox_try(struct mett_client *client, const char *action, const char *argument,
                struct mett_error *ret_error)
{
	const struct mett_config config = {.timeout_us = PATIENCE_US};
	struct mett_result result;
	int outcome = ENDED;

	mett_action_invoke(client, action, argument, strlen(argument), &config, &result);
	if (result.error.reason == METT_OK)
		outcome = atoi(result.answer);
	else if (result.error.reason == METT_FORBIDDEN)
		outcome = KILLED;
	if (ret_error)
		*ret_error = result.error;
	mett_result_deinit(&result);
	return outcome;
}
