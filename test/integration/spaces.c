/* Named namespaces: what many clients share, and what outlives them and the server. */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OLD_VERSIONS = 3 };

TEST(clients_share_what_one_deploys)
{
	struct mett_client *one, *other, *alone;
	struct mett_action_info *actions;
	struct server server;
	size_t count;

	server_start(&server, "--state none");
	struct usage empty = server_steady(&server);
	one = enter(&server, NULL);
	other = enter(&server, NULL);
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
	free(actions);
	mett_client_free(one);
	EXPECT_ANSWER(other, "f", "hello", "");
	CHECK_EQ(mett_action_delete(other, "f", NULL), 0);
	EXPECT_FAILURE(other, "f", "", NULL, .reason = METT_NO_ACTION);
	mett_client_free(other);
	mett_client_free(alone);
	server_expect_usage(&server, empty);
	server_stop(&server);
}

/* As today with a private one: it either is there or is not. */
TEST(create_and_update_tell_what_is_there)
{
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin_home(&server, "--state none");

	EXPECT_ERROR(error, METT_NO_ACTION, "there is no action 'f' here",
	             mett_action_update_path(client, "f", function_path("echo"), NULL, &error));
	deploy_file(client, "f", function_path("echo"), NULL);
	EXPECT_ERROR(error, METT_EXISTS, "action 'f' exists",
	             mett_action_create_path(client, "f", function_path("echo"), NULL, &error));
	CHECK_EQ(mett_action_update_path(client, "f", function_path("empty"), NULL, &error), 0);
	EXPECT_ANSWER(client, "f", "hello", "");
	EXPECT_ERROR(error, METT_NO_ACTION, "there is no action 'g' here",
	             mett_action_delete(client, "g", &error));
	end(&server, client);
}

static void expect_versions(struct mett_client *client, const char *name, unsigned first,
                            unsigned last, unsigned current)
{
	struct mett_version *versions;
	size_t count;

	CHECK_EQ(mett_action_versions(client, name, &versions, &count, NULL), 0);
	CHECK_EQ(count, last - first + 1);
	for (unsigned i = 0; i < count; i++) {
		CHECK_EQ(versions[i].version, first + i);
		CHECK_EQ(versions[i].current, first + i == current);
		CHECK(versions[i].size > 0 && versions[i].deployed_us > 0);
	}
	free(versions);
}

static void check_versions(const char *options)
{
	static const char *const environment[] = {"A=1", "B=of many words", NULL};
	const struct mett_action_options with = {.environment = environment, .concurrency = 3};
	struct mett_client *client, *other;
	struct mett_version *versions;
	struct mett_error error;
	struct server server;
	uint32_t version;
	size_t count;

	client = begin_home(&server, options);
	other = enter(&server, NULL);
	EXPECT_ERROR(error, METT_NO_ACTION, "", mett_action_rollback(client, "f", 0, NULL, &error));
	CHECK_EQ(put(client, "f", "echo", &with), 1);
	EXPECT_ERROR(error, METT_NO_VERSION, "version 1 is the oldest",
	             mett_action_rollback(client, "f", 0, NULL, &error));
	CHECK_EQ(put(client, "f", "empty", NULL), 2);
	CHECK_EQ(mett_action_versions(other, "f", &versions, &count, NULL), 0);
	CHECK_EQ(versions[0].options.concurrency, 3);
	CHECK_STR(versions[0].options.environment[0], "A=1");
	CHECK_STR(versions[0].options.environment[1], "B=of many words");
	CHECK(!versions[0].options.environment[2] && !versions[1].options.environment);
	free(versions);
	EXPECT_ANSWER(other, "f", "x", "");
	CHECK_EQ(mett_action_rollback(client, "f", 0, &version, NULL), 0);
	CHECK_EQ(version, 1);
	EXPECT_ANSWER(other, "f", "x", "x");
	expect_versions(other, "f", 1, 2, 1);
	CHECK_EQ(put(client, "f", "empty", NULL), 3);
	EXPECT_ERROR(error, METT_NO_VERSION, "there is no version 9; 1 to 3 are kept",
	             mett_action_rollback(client, "f", 9, NULL, &error));
	/* The oldest makes room, but not while it is the one in use. */
	for (unsigned i = 4; i <= METT_VERSIONS_MAX + 2; i++)
		CHECK_EQ(put(client, "f", "echo", NULL), i);
	expect_versions(client, "f", 3, METT_VERSIONS_MAX + 2, METT_VERSIONS_MAX + 2);
	CHECK_EQ(mett_action_rollback(client, "f", 3, NULL, NULL), 0);
	EXPECT_ANSWER(other, "f", "x", "");
	CHECK_EQ(put(client, "f", "echo", NULL), METT_VERSIONS_MAX + 3);
	CHECK_EQ(mett_action_rollback(client, "f", 3, NULL, NULL), 0);
	CHECK_EQ(mett_action_delete(other, "f", NULL), 0);
	CHECK_EQ(put(client, "f", "echo", NULL), 1);
	mett_client_free(other);
	end(&server, client);
}

TEST(versions_are_counted_and_kept)
{
	check_versions("--state none");
}

TEST(also_on_disk)
{
	char folder[64], options[96];

	state_make(folder, options);
	check_versions(options);
	folder_remove(folder);
}

TEST(what_was_deployed_outlives_the_server)
{
	static const char *const environment[] = {"KEY=value", NULL};
	const struct mett_action_options with = {.environment = environment,
	                                         .defaults = {.timeout_us = 5000000}};
	char folder[64], options[96];
	struct mett_client *client;
	struct server server;

	state_make(folder, options);
	client = begin_home(&server, options);
	put(client, "f", "echo", NULL);
	put(client, "f", "empty", NULL);
	put(client, "see", "peek", &with);
	put(client, "gone", "echo", NULL);
	CHECK_EQ(mett_action_delete(client, "gone", NULL), 0);
	CHECK_EQ(mett_action_rollback(client, "f", 0, NULL, NULL), 0);
	end(&server, client);
	for (int i = 0; i < 2; i++) {
		struct mett_result result;

		client = begin_home(&server, options);
		EXPECT_ANSWER(client, "f", "hello", "hello");
		expect_versions(client, "f", 1, 2, 1);
		CHECK_EQ(mett_action_invoke(client, "see", NULL, 0, NULL, &result), 0);
		CHECK(strstr(result.answer, "environment: KEY=value\n"));
		mett_result_deinit(&result);
		EXPECT_FAILURE(client, "gone", "", NULL, .reason = METT_NO_ACTION);
		mett_client_free(client);
		server_kill(&server);
		server_remove(&server);
	}
	folder_remove(folder);
}

/* Spoil every program but that of one digest; returns how many. */
static unsigned spoil_code(const char *folder, const char *but)
{
	char command[256];

	snprintf(command, sizeof(command),
	         "cd %s/code && for f in *; do [ $f = %s ] || printf spoilt > $f; done", folder,
	         but);
	return system(command) == 0;
}

TEST(a_damaged_version_is_named_and_the_rest_serves)
{
	char folder[64], options[96], digest[65];
	struct mett_client *client;
	struct mett_version *versions;
	struct mett_error error;
	struct server server;
	size_t count;

	state_make(folder, options);
	client = begin_home(&server, options);
	put(client, "f", "counter", NULL);
	put(client, "f", "echo", NULL);
	put(client, "g", "empty", NULL);
	CHECK_EQ(mett_action_versions(client, "f", &versions, &count, NULL), 0);
	strcpy(digest, versions[1].digest);
	free(versions);
	end(&server, client);
	CHECK(spoil_code(folder, digest));
	client = begin_home(&server, options);
	EXPECT_ERROR(error, METT_NO_STATE, "the program of version 1 was damaged",
	             mett_action_rollback(client, "f", 1, NULL, &error));
	EXPECT_ANSWER(client, "f", "hello", "hello");
	expect_versions(client, "f", 1, 2, 2);
	for (int i = 0; i < OLD_VERSIONS; i++)
		EXPECT_FAILURE(client, "g", "", NULL, .reason = METT_NO_STATE,
		               .message = "action 'g': the program of version 1 was damaged");
	CHECK_EQ(put(client, "g", "empty", NULL), 2);
	EXPECT_ANSWER(client, "g", "", "");
	end(&server, client);
	folder_remove(folder);
}

/* Another user, in a process of its own, which comes to an end with 0 if all was as it must be. */
static pid_t start_nobody(const struct server *server, void (*act)(const struct server *server))
{
	pid_t pid = fork();

	if (!pid) {
		become_nobody();
		act(server);
		_exit(0);
	}
	return pid;
}

static void expect_end(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void nobody_is_kept_out(const struct server *server)
{
	struct mett_namespace_info *spaces;
	struct mett_client *client;
	struct mett_error error;
	const struct mett_quota quota = {.actions = 1};
	size_t count;

	EXPECT_ERROR(error, METT_DENIED, "ask its owner, user 0",
	             mett_register_namespace(server->socket, "team", &client, &error));
	EXPECT_ERROR(error, METT_DENIED, "not open to user 65534",
	             mett_register_namespace(server->socket, "u0", &client, &error));
	EXPECT_ERROR(error, METT_NO_NAMESPACE, "there is no namespace 'none'",
	             mett_register_namespace(server->socket, "none", &client, &error));
	client = enter(server, NULL);
	CHECK_EQ(put(client, "mine", "echo", NULL), 1);
	CHECK_EQ(mett_namespace_list(client, &spaces, &count, NULL), 0);
	CHECK_EQ(count, 1);
	CHECK_STR(spaces[0].name, "u65534");
	CHECK_EQ(spaces[0].owner, NOBODY);
	free(spaces);
	EXPECT_ERROR(error, METT_DENIED, "user 0's",
	             mett_namespace_allow(client, "team", NOBODY, 1, &error));
	EXPECT_ERROR(error, METT_DENIED, "user 0's", mett_namespace_delete(client, "team", &error));
	EXPECT_ERROR(error, METT_DENIED, "only root and the server's user",
	             mett_namespace_limit(client, "u65534", &quota, &error));
	EXPECT_ERROR(error, METT_DENIED, "home of user 77",
	             mett_namespace_create(client, "u77", &error));
	mett_client_free(client);
}

static int told[2];

static void nobody_is_let_in(const struct server *server)
{
	struct mett_client *client = enter(server, "team");
	struct mett_result result;

	EXPECT_ANSWER(client, "f", "hello", "hello");
	CHECK_EQ(put(client, "f", "empty", NULL), 2);
	/* Then its owner takes it back. */
	CHECK_EQ(write(told[1], "", 1), 1);
	while (!mett_action_invoke(client, "f", NULL, 0, NULL, &result))
		mett_result_deinit(&result);
	CHECK_EQ(result.error.reason, METT_GONE);
	mett_client_free(client);
}

TEST(who_may_use_a_namespace)
{
	struct mett_namespace_info *spaces;
	struct mett_client *root_client;
	struct server server;
	struct mett_error error;
	size_t count;
	char byte;

	server_needs();
	if (geteuid())
		test_skip("only root can be several users");
	server_start(&server, "--state none --socket-mode 0666");
	CHECK_EQ(chmod(server.folder, 0755), 0);
	root_client = enter(&server, NULL);
	CHECK_EQ(mett_namespace_create(root_client, "team", &error), 0);
	EXPECT_ERROR(error, METT_EXISTS, "exists",
	             mett_namespace_create(root_client, "team", &error));
	EXPECT_ERROR(error, METT_EXISTS, "exists",
	             mett_namespace_create(root_client, "u0", &error));
	expect_end(start_nobody(&server, nobody_is_kept_out));
	CHECK_EQ(mett_namespace_allow(root_client, "team", NOBODY, 1, NULL), 0);
	CHECK_EQ(mett_namespace_list(root_client, &spaces, &count, NULL), 0);
	CHECK_EQ(count, 3); /* root may use all: u0, u65534, team */
	CHECK_STR(spaces[0].name, "team");
	CHECK_EQ(spaces[0].member_count, 1);
	CHECK_EQ(spaces[0].members[0], NOBODY);
	free(spaces);
	struct mett_client *member = enter(&server, "team");
	put(member, "f", "echo", NULL);
	CHECK_EQ(pipe(told), 0);
	pid_t nobody = start_nobody(&server, nobody_is_let_in);
	CHECK_EQ(read(told[0], &byte, 1), 1);
	CHECK_EQ(mett_namespace_allow(root_client, "team", NOBODY, 0, NULL), 0);
	expect_end(nobody);
	close(told[0]);
	close(told[1]);
	EXPECT_ERROR(error, METT_EXISTS, "has 1 actions; delete them first",
	             mett_namespace_delete(root_client, "team", &error));
	CHECK_EQ(mett_action_delete(member, "f", NULL), 0);
	CHECK_EQ(mett_namespace_delete(root_client, "team", &error), 0);
	EXPECT_ERROR(
		error, METT_NO_NAMESPACE, "was deleted",
		mett_action_deploy_path(member, "f", function_path("echo"), NULL, NULL, &error));
	mett_client_free(member);
	end(&server, root_client);
}

TEST(runtimes_serve_there_too)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	struct mett_client *client, *other;
	struct mett_error error;
	struct server server;

	if (!getenv("PYTHON_FAAS3"))
		test_skip("built without Python");
	client = begin_home(&server, "--state none");
	other = enter(&server, NULL);
	CHECK_EQ(mett_action_deploy_path(client, "p", script_path("values"), &python, NULL, &error),
	         0);
	const char *wrong = make_file(&server, "p.py", "1 +", 3);
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "cannot be served",
	             mett_action_deploy_path(client, "p", wrong, &python, NULL, &error));
	CHECK_EQ(unlink(wrong), 0);
	EXPECT_ANSWER(other, "p", "none", "");
	expect_versions(other, "p", 1, 1, 1);
	mett_client_free(other);
	end(&server, client);
}
