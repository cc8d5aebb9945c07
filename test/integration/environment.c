/* What functions find in their environment: what their action was created with, and no more. */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server server;

/* The server's own is full of what is nobody's business. */
static struct mett_client *begin_with_secrets(const char *options)
{
	setenv("SECRET", "of the server", 1);
	setenv("PYTHONHASHSEED", "0", 1);
	return begin(&server, options);
}

static void expect_seen(struct mett_client *client, const char *action, const char *seen)
{
	struct mett_result result;
	char wanted[METT_ENVIRONMENT_MAX + 64];

	snprintf(wanted, sizeof(wanted), "\nenvironment:%s\n", seen);
	CHECK_EQ(mett_action_invoke(client, action, NULL, 0, NULL, &result), 0);
	if (!strstr(result.answer, wanted))
		test_fail(__FILE__, __LINE__, "%s: %s", action, (const char *)result.answer);
	mett_result_deinit(&result);
}

static struct mett_action_options options_of(enum mett_language language, enum mett_policy policy,
                                             const char *const *environment)
{
	return (struct mett_action_options){
		.language = language,
		.policy = policy,
		.grants = language == METT_LANGUAGE_EXEC || language == METT_LANGUAGE_ACTIONLOOP
	                          ? METT_GRANT_SYSTEM
	                          : 0,
		.environment = environment,
	};
}

#define STRINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void create_peek(struct mett_client *client, const char *name, enum mett_policy policy,
                        const char *const *environment)
{
	struct mett_action_options options = options_of(METT_LANGUAGE_BINARY, policy, environment);

	deploy_file(client, name, function_path("peek"), &options);
}

static void each_sees_its_own(const char *options)
{
	struct mett_client *client = begin_with_secrets(options);

	for (enum mett_policy policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++) {
		create_peek(client, "a", policy, STRINGS("A=of a", "B_2=", "_c=x=y"));
		create_peek(client, "none", policy, NULL);
		create_peek(client, "b", policy, STRINGS("A=of b"));
		for (int i = 0; i < 3; i++) {
			expect_seen(client, "a", " A=of a B_2= _c=x=y");
			expect_seen(client, "none", "");
			expect_seen(client, "b", " A=of b");
		}
		mett_action_delete(client, "a", NULL);
		mett_action_delete(client, "b", NULL);
		mett_action_delete(client, "none", NULL);
	}
	end(&server, client);
}

TEST(each_action_sees_its_own)
{
	each_sees_its_own("");
}

TEST(without_spare_sandboxes_too)
{
	each_sees_its_own("--spare-sandboxes 0");
}

TEST(an_update_brings_another)
{
	struct mett_client *client = begin_with_secrets("");
	struct mett_action_options options =
		options_of(METT_LANGUAGE_BINARY, METT_POLICY_FORK, STRINGS("A=second"));

	create_peek(client, "it", METT_POLICY_FORK, STRINGS("A=first", "B=gone"));
	expect_seen(client, "it", " A=first B=gone");
	CHECK_EQ(mett_action_update_path(client, "it", function_path("peek"), &options, NULL), 0);
	expect_seen(client, "it", " A=second");
	options.environment = NULL;
	CHECK_EQ(mett_action_update_path(client, "it", function_path("peek"), &options, NULL), 0);
	expect_seen(client, "it", "");
	end(&server, client);
}

/* As much as there may be: many small ones, or a large one. */
TEST(as_much_as_may_be)
{
	static char text[METT_ENVIRONMENT_MAX + 1], many[METT_ENVIRONMENT_MAX / 6][6],
		seen[METT_ENVIRONMENT_MAX + 1];
	const char *list[METT_ENVIRONMENT_MAX / 6 + 1];
	struct mett_client *client = begin_with_secrets("");
	struct mett_error error;
	size_t count = METT_ENVIRONMENT_MAX / 6;

	for (size_t i = 0; i < count; i++) {
		snprintf(many[i], sizeof(many[i]), "K%03x=", (unsigned)i);
		snprintf(seen + 6 * i, 7, " %s", many[i]);
		list[i] = many[i];
	}
	list[count] = NULL;
	create_peek(client, "many", METT_POLICY_FORK, list);
	expect_seen(client, "many", seen);
	memset(text, 'x', METT_ENVIRONMENT_MAX - 1);
	memcpy(text, "A=", 2);
	create_peek(client, "large", METT_POLICY_SPAWN, STRINGS(text));
	snprintf(seen, sizeof(seen), " %s", text);
	expect_seen(client, "large", seen);
	text[METT_ENVIRONMENT_MAX - 1] = 'x';
	const struct mett_action_options options =
		options_of(METT_LANGUAGE_BINARY, METT_POLICY_FORK, STRINGS(text));
	EXPECT_ERROR(
		error, METT_TOO_LARGE, "more than 4096 bytes",
		mett_action_create_path(client, "it", function_path("peek"), &options, &error));
	end(&server, client);
}

TEST(what_is_no_environment_is_refused)
{
	const struct {
		const char *const *environment;
		const char *why;
	} wrong[] = {
		{STRINGS("A"), "'A' is not KEY=VALUE"},
		{STRINGS(""), "'' is not KEY=VALUE"},
		{STRINGS("=x"), "'' is not KEY=VALUE"},
		{STRINGS("1A=x"), "'1A' is not KEY=VALUE"},
		{STRINGS("A-B=x"), "'A-B' is not KEY=VALUE"},
		{STRINGS("A B=x"), "'A B' is not KEY=VALUE"},
		{STRINGS("\xc3\xa4=x"), "is not KEY=VALUE"},
		{STRINGS("A=1", "AB=2", "A=3"), "has 'A' twice"},
	};
	struct mett_client *client = begin_with_secrets("");
	struct mett_error error;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const struct mett_action_options options =
			options_of(METT_LANGUAGE_BINARY, METT_POLICY_FORK, wrong[i].environment);

		EXPECT_ERROR(error, METT_BAD_ARGUMENT, wrong[i].why,
		             mett_action_create_path(client, "it", function_path("peek"), &options,
		                                     &error));
	}
	end(&server, client);
}

static const char script[] =
	"import os\n"
	"def main(arg):\n"
	"    seen = ' '.join(f'{k}={v}' for k, v in sorted(os.environ.items()))\n"
	"    os.environ['LEFT'] = 'by an earlier call'\n"
	"    return seen\n";

TEST(python)
{
	struct mett_client *client;

	if (!getenv("PYTHON_FAAS3"))
		test_skip("built without Python");
	client = begin_with_secrets("");
	const char *path = make_file(&server, "script", script, strlen(script));
	for (enum mett_policy policy = METT_POLICY_FORK; policy <= METT_POLICY_SPAWN; policy++) {
		struct mett_action_options options =
			options_of(METT_LANGUAGE_PYTHON, policy,
		                   STRINGS("PYTHONPATH=/tmp", "GREETING=gr\xc3\xbc\xc3\x9f dich"));

		deploy_file(client, "it", path, &options);
		options.environment = NULL;
		deploy_file(client, "none", path, &options);
		for (int i = 0; i < 2; i++) {
			EXPECT_ANSWER(client, "it", "",
			              "GREETING=gr\xc3\xbc\xc3\x9f dich PYTHONPATH=/tmp");
			EXPECT_ANSWER(client, "none", "", "");
		}
		mett_action_delete(client, "it", NULL);
		mett_action_delete(client, "none", NULL);
	}
	unlink(path);
	end(&server, client);
}

/* What exec-faas tells a program stays, but for what was granted under its name. */
TEST(programs)
{
	static const char program[] =
		"#!/bin/sh\nprintf '%s|' \"$GREETING\" \"$PATH\" \"$HOME\" \"$LANG\" "
		"\"$METT_ACTION\" \"$SECRET\"\n";
	struct mett_client *client = begin_with_secrets("");
	struct mett_action_options options = options_of(METT_LANGUAGE_EXEC, METT_POLICY_SPAWN,
	                                                STRINGS("GREETING=hello you", "HOME=/tmp"));

	const char *path = make_file(&server, "script", program, strlen(program));
	deploy_file(client, "it", path, &options);
	options.environment = NULL;
	deploy_file(client, "none", path, &options);
	for (int i = 0; i < 2; i++) {
		struct mett_result result;

		CHECK_EQ(mett_action_invoke(client, "it", "", 0, NULL, &result), 0);
		const char wanted[] = "hello you|/usr/local/bin:/usr/bin:/bin|/tmp|C.UTF-8|it||";
		if (strncmp(result.answer, wanted, strlen(wanted)))
			test_fail(__FILE__, __LINE__, "%s", (const char *)result.answer);
		mett_result_deinit(&result);
		CHECK_EQ(mett_action_invoke(client, "none", "", 0, NULL, &result), 0);
		const char bare[] = "|/usr/local/bin:/usr/bin:/bin|/|C.UTF-8|none||";
		if (strncmp(result.answer, bare, strlen(bare)))
			test_fail(__FILE__, __LINE__, "%s", (const char *)result.answer);
		mett_result_deinit(&result);
	}
	unlink(path);
	end(&server, client);
}

TEST(programs_that_speak_actionloop)
{
	static const char program[] = "#!/bin/sh\n"
				      "echo '{\"ok\":true}' >&3\n"
				      "while read -r line; do\n"
				      "    echo \"{\\\"is\\\":\\\"$GREETING$SECRET\\\"}\" >&3\n"
				      "done\n";
	struct mett_client *client = begin_with_secrets("");
	const struct mett_action_options options =
		options_of(METT_LANGUAGE_ACTIONLOOP, METT_POLICY_REUSE, STRINGS("GREETING=hello"));

	const char *path = make_file(&server, "script", program, strlen(program));
	deploy_file(client, "it", path, &options);
	for (int i = 0; i < 3; i++)
		EXPECT_ANSWER(client, "it", "{}", "{\"is\":\"hello\"}");
	unlink(path);
	end(&server, client);
}
