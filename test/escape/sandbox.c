#include "sandbox.h"

#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	NOBODY = 65534,
	PATIENCE_US = 10000000,
};

void sandbox_user(enum user user)
{
	if (user == AS_CALLER)
		return;
	if (geteuid())
		test_skip("the test runs as an ordinary user already");
	CHECK(!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) &&
	      !setresuid(NOBODY, NOBODY, NOBODY));
	/* What a change of user clears: to end with the harness, and to have a /proc/self. */
	CHECK(!prctl(PR_SET_PDEATHSIG, SIGKILL) && !prctl(PR_SET_DUMPABLE, 1));
	if (access(server_program(), X_OK))
		test_skip("an ordinary user may not execute %s", server_program());
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
