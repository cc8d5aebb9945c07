/*
 * The sandbox of a Python function: it has a root with files, which it can look at
 * and nothing else, and cannot leave.
 */
#include "sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct server server;

/* What does not end the function; a call by its bare number always does. */
static const struct {
	const char *attempt;
	int outcome;
} attempts[] = {
	{"passwd", ENOENT},       {"climb-passwd", ENOENT}, {"proc", ENOENT},
	{"dev", ENOENT},          {"create", EROFS},        {"create-below", EROFS},
	{"create-stdlib", EROFS}, {"nameless", EROFS},      {"write-stdlib", EACCES},
	{"mkdir", EROFS},         {"unlink", EROFS},        {"rename", EROFS},
	{"chmod", EROFS},         {"utime", EROFS},         {"socket", EACCES},
	{"run", EPERM},           {"fork", EPERM},          {"kill", EPERM},
	{"memfd", EPERM},         {"shared", KILLED},
};

static struct mett_client *begin_script(enum mett_policy policy)
{
	const struct mett_action_options options = {METT_LANGUAGE_PYTHON, policy, {0}};
	struct mett_client *client = begin(&server, "");

	deploy_file(client, "escape", script_path("escape"), &options);
	return client;
}

static int wanted_of(const char *attempt)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (!strcmp(attempts[i].attempt, attempt))
			return attempts[i].outcome;
	return KILLED;
}

/* The names in a JSON array of them. */
static unsigned try_all(struct mett_client *client, const char *list)
{
	struct mett_result names;
	unsigned count = 0;

	CHECK_EQ(mett_action_invoke(client, "escape", list, strlen(list), NULL, &names), 0);
	char *text = strdup(names.answer), *rest = text;
	for (char *name; (name = strtok_r(rest, "[]\", ", &rest)); count++) {
		int got = sandbox_try(client, "escape", name, NULL);

		if (got != wanted_of(name))
			test_fail(__FILE__, __LINE__, "'%s' comes to %d, not %d", name, got,
			          wanted_of(name));
	}
	free(text);
	mett_result_deinit(&names);
	return count;
}

static void python_has_no_way_out(enum mett_policy policy)
{
	struct mett_client *client = begin_script(policy);

	CHECK_EQ(try_all(client, ""), sizeof(attempts) / sizeof(attempts[0]));
	CHECK(try_all(client, "calls") > 10);
	end(&server, client);
}

static void python_sees_its_own_files_only(enum mett_policy policy)
{
	struct mett_client *client = begin_script(policy);

	EXPECT_ANSWER(client, "escape", "root", "[\"lib\", \"lib64\", \"usr\"]");
	EXPECT_ANSWER(client, "escape", "climb", "True");
	EXPECT_ANSWER(client, "escape", "special", "[]");
	EXPECT_ANSWER(client, "escape", "writable", "");
	EXPECT_ANSWER(client, "escape", "descriptors", "[0, 1, 2, 3]");
	end(&server, client);
}

SANDBOX_TEST(python_has_no_way_out)
SANDBOX_TEST(python_sees_its_own_files_only)
