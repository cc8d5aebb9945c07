/* Named namespaces: what many clients share, and what outlives them and the server. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mett_client *enter(const struct server *server, const char *name)
{
	struct mett_client *client;
	struct mett_error error;

	if (mett_register_namespace(server->socket, name, &client, &error))
		test_fail(__FILE__, __LINE__, "'%s': %s", name, error.message);
	return client;
}

/* A version made of another function, under the same name. */
static uint32_t put(struct mett_client *client, const char *name, const char *function,
                    const struct mett_action_options *options)
{
	uint32_t version = 0;
	struct mett_error error;

	if (mett_action_deploy_path(client, name, function_path(function), options, &version,
	                            &error))
		test_fail(__FILE__, __LINE__, "'%s': %s", name, error.message);
	return version;
}

static void home(char name[16])
{
	CHECK_EQ(mett_home_namespace(name, 16), 0);
}

TEST(clients_share_what_one_deploys)
{
	struct mett_client *one, *other, *alone;
	struct mett_action_info *actions;
	struct server server;
	size_t count;
	char name[16];

	home(name);
	server_start(&server, "--state none");
	one = enter(&server, name);
	other = enter(&server, name);
	alone = join(&server);
	CHECK_EQ(put(one, "f", "echo", NULL), 1);
	EXPECT_ANSWER(one, "f", "hello", "hello");
	EXPECT_ANSWER(other, "f", "hello", "hello");
	EXPECT_FAILURE(alone, "f", "", NULL, .reason = METT_NO_ACTION);
	CHECK_EQ(put(other, "f", "empty", NULL), 2);
	EXPECT_ANSWER(one, "f", "hello", "");
	EXPECT_ANSWER(other, "f", "hello", "");
	CHECK_EQ(mett_action_list(one, &actions, &count, NULL), 0);
	CHECK_EQ(count, 1);
	CHECK_EQ(actions[0].version, 2);
	CHECK_EQ(actions[0].activations, 4);
	free(actions);
	mett_client_free(one);
	EXPECT_ANSWER(other, "f", "hello", "");
	CHECK_EQ(mett_action_delete(other, "f", NULL), 0);
	EXPECT_FAILURE(other, "f", "", NULL, .reason = METT_NO_ACTION);
	mett_client_free(other);
	mett_client_free(alone);
	server_stop(&server);
}
