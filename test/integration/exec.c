/* Programs as anybody has them: run once for each call, or up and answering by ActionLoop. */
#include <fixture.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server server;

static struct mett_action_options options_of(enum mett_language language, enum mett_policy policy)
{
	return (struct mett_action_options){language, policy, {0}, METT_GRANT_SYSTEM};
}

/* An action "it" with this text for its program. */
static int offer(struct mett_client *client, const char *text,
                 const struct mett_action_options *options, struct mett_error *error)
{
	const char *path = make_file(&server, "program", text, strlen(text));
	int failure = mett_action_create_path(client, "it", path, options, error);

	CHECK_EQ(unlink(path), 0);
	return failure;
}

static void create(struct mett_client *client, const char *text, enum mett_language language,
                   enum mett_policy policy)
{
	const struct mett_action_options options = options_of(language, policy);
	struct mett_error error;

	if (offer(client, text, &options, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
}

static void refuse(struct mett_client *client, const char *text,
                   const struct mett_action_options *options, const char *why)
{
	struct mett_error error;

	CHECK_EQ(offer(client, text, options, &error), -EINVAL);
	if (error.reason != METT_BAD_PROGRAM || !strstr(error.message, why) ||
	    !strstr(error.message, "'it'"))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", error.message, why);
}

static const char shell[] =
	"#!/bin/sh\n"
	"read line || true\n"
	"case $line in\n"
	"fail) echo 'not today'; exit 3 ;;\n"
	"silent) exit 4 ;;\n"
	"log) echo words >&2; echo done ;;\n"
	"kill) kill -SEGV $$ ;;\n"
	"sleep) sleep 60 & sleep 60 ;;\n"
	"stay) sleep 60 & echo left ;;\n"
	"endless) while :; do echo 0123456789abcdefghijklmnopqrstuvwxyz; done ;;\n"
	"left) set -- /proc/*; echo \"$METT_ACTION $HOME $PWD $*\" ;;\n"
	"*) echo \"$line\" | tr a-z A-Z | tr -d '\\n' ;;\n"
	"esac\n";

static void each_outcome(enum mett_policy policy)
{
	const struct mett_config config = {.timeout_us = 300 * MS_US};
	struct mett_client *client = begin(&server, "");

	create(client, shell, METT_LANGUAGE_EXEC, policy);
	EXPECT_ANSWER(client, "it", "hello", "HELLO");
	EXPECT_ANSWER(client, "it", "", "");
	EXPECT_ANSWER(client, "it", "left", "it / / /proc/*\n");
	EXPECT_FAILURE(client, "it", "fail", NULL, METT_FAILED, 3, "code 3: not today");
	EXPECT_FAILURE(client, "it", "silent", NULL, METT_FAILED, 4,
	               "failed with code 4: it printed no reason; its log may have one");
	EXPECT_FAILURE(client, "it", "kill", NULL, METT_CRASHED, SIGSEGV);
	EXPECT_FAILURE(client, "it", "sleep", &config, METT_TIMED_OUT, 300);
	EXPECT_FAILURE(client, "it", "endless", NULL, METT_FAILED, EMSGSIZE,
	               "more than the server");
	struct mett_result result;
	CHECK_EQ(mett_action_invoke(client, "it", "log", 3, NULL, &result), 0);
	CHECK_STR(result.answer, "done\n");
	CHECK_STR(result.log, "words\n");
	mett_result_deinit(&result);
	EXPECT_ANSWER(client, "it", "after all", "AFTER ALL");
	end(&server, client);
}

TEST(shell_outcomes)
{
	each_outcome(METT_POLICY_DEFAULT);
}

TEST(shell_outcomes_reused)
{
	each_outcome(METT_POLICY_REUSE);
}

/* Whatever a call starts ends with it. */
static void nothing_stays(enum mett_policy policy)
{
	const struct mett_config config = {.timeout_us = 300 * MS_US};
	struct mett_client *client = begin(&server, "");

	create(client, shell, METT_LANGUAGE_EXEC, policy);
	EXPECT_ANSWER(client, "it", "a", "A");
	struct usage usage = server_steady(&server);
	for (int i = 0; i < 5; i++)
		EXPECT_ANSWER(client, "it", "stay", "left\n");
	server_expect_usage(&server, usage);
	EXPECT_FAILURE(client, "it", "sleep", &config, METT_TIMED_OUT, 300);
	EXPECT_ANSWER(client, "it", "a", "A");
	server_expect_usage(&server, usage);
	end(&server, client);
}

TEST(no_process_stays)
{
	nothing_stays(METT_POLICY_FORK);
}

TEST(no_process_stays_by_reuse)
{
	nothing_stays(METT_POLICY_REUSE);
}

TEST(arguments_and_answers_that_are_large)
{
	struct mett_client *client = begin(&server, "");
	const size_t size = 5 << 20;
	char *argument = malloc(size);
	struct mett_result result;

	CHECK(argument);
	for (size_t i = 0; i < size; i++)
		argument[i] = (char)(i % 251);
	create(client, "#!/bin/cat\n", METT_LANGUAGE_EXEC, METT_POLICY_FORK);
	CHECK_EQ(mett_action_delete(client, "it", NULL), 0);
	create(client, "#!/bin/sh\nexec cat\n", METT_LANGUAGE_EXEC, METT_POLICY_FORK);
	for (size_t part = 65535; part <= size; part = part > 65536 ? part * 80 : part + 1) {
		CHECK_EQ(mett_action_invoke(client, "it", argument, part, NULL, &result), 0);
		CHECK_EQ(result.answer_size, part);
		CHECK(!memcmp(result.answer, argument, part));
		mett_result_deinit(&result);
	}
	/* Not read at all. */
	CHECK_EQ(mett_action_delete(client, "it", NULL), 0);
	create(client, "#!/bin/sh\necho no\n", METT_LANGUAGE_EXEC, METT_POLICY_FORK);
	CHECK_EQ(mett_action_invoke(client, "it", argument, size, NULL, &result), 0);
	CHECK_STR(result.answer, "no\n");
	mett_result_deinit(&result);
	free(argument);
	end(&server, client);
}

static void need(const char *interpreter)
{
	if (access(interpreter, X_OK))
		test_skip("%s is not installed", interpreter);
}

TEST(perl)
{
	need("/usr/bin/perl");
	struct mett_client *client = begin(&server, "");

	create(client,
	       "#!/usr/bin/perl\nuse strict; use JSON::PP; local $/;\n"
	       "my $in = decode_json(<STDIN>); print $in->{a} + $in->{b};\n",
	       METT_LANGUAGE_EXEC, METT_POLICY_FORK);
	EXPECT_ANSWER(client, "it", "{\"a\": 3, \"b\": 4}", "7");
	EXPECT_FAILURE(client, "it", "x", NULL, METT_FAILED, 255, NULL, "malformed JSON");
	end(&server, client);
}

TEST(node)
{
	need("/usr/bin/node");
	struct mett_client *client = begin(&server, "");

	create(client,
	       "#!/usr/bin/env node\nconst text = require('fs').readFileSync(0, 'utf8');\n"
	       "setTimeout(() => process.stdout.write(text.split('').reverse().join('')), 1);\n",
	       METT_LANGUAGE_EXEC, METT_POLICY_FORK);
	EXPECT_ANSWER(client, "it", "hello", "olleh");
	end(&server, client);
}

static void deploy_program(struct mett_client *client, const char *name, const char *variable,
                           enum mett_language language, uint32_t grants)
{
	const struct mett_action_options options = {language, METT_POLICY_DEFAULT, {0}, grants};

	deploy_file(client, name, getenv(variable), &options);
}

TEST(compiled_programs)
{
	struct mett_client *client = begin(&server, "");
	struct mett_action_info *rows;
	size_t count;

	deploy_program(client, "dynamic", "DYNAMIC", METT_LANGUAGE_EXEC, METT_GRANT_SYSTEM);
	EXPECT_ANSWER(client, "dynamic", "abc", "cba");
	deploy_program(client, "static", "STATIC", METT_LANGUAGE_EXEC, 0);
	EXPECT_ANSWER(client, "static", "abc", "cba");
	deploy_program(client, "faas", "DYNAMIC_FUNCTION", METT_LANGUAGE_BINARY, METT_GRANT_SYSTEM);
	EXPECT_ANSWER(client, "faas", "abc", "abc");
	CHECK_EQ(mett_action_list(client, &rows, &count, NULL), 0);
	CHECK_EQ(count, 3);
	CHECK_EQ(rows[0].options.grants, METT_GRANT_SYSTEM);
	CHECK_EQ(rows[0].options.language, METT_LANGUAGE_EXEC);
	CHECK_EQ(rows[0].options.policy, METT_POLICY_SPAWN);
	CHECK_EQ(rows[1].options.policy, METT_POLICY_FORK);
	CHECK_EQ(rows[2].options.grants, 0);
	free(rows);
	end(&server, client);
}

TEST(what_cannot_run_is_refused)
{
	const struct mett_action_options bare = {.language = METT_LANGUAGE_EXEC};
	const struct mett_action_options granted = options_of(METT_LANGUAGE_EXEC, 0);
	struct mett_action_options wrong = granted;
	struct mett_client *client = begin(&server, "");
	struct mett_error error;

	refuse(client, "#!/bin/sh\n", &bare,
	       "interpreter, /bin/sh, and its sandbox is empty; grant");
	refuse(client, "#!/usr/bin/no-such\n", &granted, "/usr/bin/no-such, which this machine");
	refuse(client, "#!/usr/bin/env no-such\n", &granted, "interpreter 'no-such'");
	refuse(client, "#!sh\n", &granted, "names no interpreter");
	refuse(client, "#!/bin/sh\r\n", &granted, "carriage return");
	refuse(client, "echo\n", &granted, "neither an ELF program nor a script");
	refuse(client, "\177ELF", &granted, "no program for x86-64");
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "grant it the machine's (--grant system)",
	             mett_action_create_path(client, "it", getenv("DYNAMIC"), &bare, &error));
	EXPECT_ERROR(
		error, METT_BAD_PROGRAM, "(--grant system)",
		mett_action_create_path(client, "it", getenv("DYNAMIC_FUNCTION"), NULL, &error));
	wrong.grants = 2;
	EXPECT_ERROR(error, METT_BAD_ARGUMENT, "no grant has number 0x2",
	             mett_action_create_path(client, "it", getenv("DYNAMIC"), &wrong, &error));
	end(&server, client);
}

static const char loop[] = "#!/usr/bin/python3\n"
			   "import json, os, sys, time\n"
			   "out = os.fdopen(3, 'w')\n"
			   "assert os.environ['__OW_WAIT_FOR_ACK']\n"
			   "print('{\"ok\": true}', file=out, flush=True)\n"
			   "count = 0\n"
			   "for line in sys.stdin:\n"
			   "    call = json.loads(line)\n"
			   "    value = call['value']\n"
			   "    count += 1\n"
			   "    print('a log')\n"
			   "    sys.stdout.flush()\n"
			   "    if value == 'rubbish': answer = '{]'\n"
			   "    elif value == 'two': answer = '{}\\n{}'\n"
			   "    elif value == 'more':\n"
			   "        print('{}', file=out, flush=True)\n"
			   "        time.sleep(.02); answer = '[]'\n"
			   "    elif value == 'none': time.sleep(1000)\n"
			   "    elif value == 'die': os._exit(9)\n"
			   "    elif value == 'killed': os.kill(os.getpid(), 11)\n"
			   "    elif value == 'close': out.close(); time.sleep(1000)\n"
			   "    elif value == 'error': answer = '{\"error\": \"sorry\"}'\n"
			   "    else: answer = json.dumps({'count': count, 'value': value,\n"
			   "                               'name': call['action_name']})\n"
			   "    print(answer, file=out, flush=True)\n"
			   "    if value == 'last': os._exit(0)\n";

static void each_answer(enum mett_policy policy)
{
	const struct mett_config config = {.timeout_us = 3000 * MS_US};
	struct mett_client *client = begin(&server, "");
	bool reused = policy == METT_POLICY_REUSE;

	create(client, loop, METT_LANGUAGE_ACTIONLOOP, policy);
	EXPECT_ANSWER(client, "it", "{\"a\":\n1}",
	              "{\"count\": 1, \"value\": {\"a\": 1}, \"name\": \"it\"}");
	EXPECT_ANSWER(client, "it", "",
	              reused ? "{\"count\": 2, \"value\": {}, \"name\": \"it\"}"
	                     : "{\"count\": 1, \"value\": {}, \"name\": \"it\"}");
	/* What one call says too much is no answer to the next. */
	EXPECT_ANSWER(client, "it", "\"more\"", "{}");
	pause_ms(100);
	EXPECT_ANSWER(client, "it", "3", "{\"count\": 1, \"value\": 3, \"name\": \"it\"}");
	EXPECT_FAILURE(client, "it", "no json", NULL, METT_FAILED, 1, "is not JSON");
	EXPECT_FAILURE(client, "it", "1,\"value\":2", NULL, METT_FAILED, 1, "is not JSON");
	EXPECT_FAILURE(client, "it", "\"error\"", NULL, METT_FAILED, 1, "\"sorry\"", "a log\n");
	EXPECT_FAILURE(client, "it", "\"rubbish\"", NULL, METT_FAILED, 1, "JSON object");
	EXPECT_FAILURE(client, "it", "\"two\"", NULL, METT_FAILED, 1, "not one line");
	EXPECT_FAILURE(client, "it", "\"die\"", NULL, METT_EXITED, 9);
	EXPECT_FAILURE(client, "it", "\"killed\"", NULL, METT_CRASHED, SIGSEGV);
	EXPECT_FAILURE(client, "it", "\"close\"", NULL, METT_CRASHED, SIGKILL);
	EXPECT_FAILURE(client, "it", "\"none\"", &config, METT_TIMED_OUT, 3000);
	EXPECT_ANSWER(client, "it", "1", "{\"count\": 1, \"value\": 1, \"name\": \"it\"}");
	end(&server, client);
}

TEST(actionloop_fresh)
{
	need("/usr/bin/python3");
	each_answer(METT_POLICY_FORK);
}

TEST(actionloop_reused)
{
	need("/usr/bin/python3");
	each_answer(METT_POLICY_REUSE);
}

TEST_TIMEOUT(actionloop_that_does_not_start, 120)
{
	const struct mett_action_options options =
		options_of(METT_LANGUAGE_ACTIONLOOP, METT_POLICY_REUSE);
	struct mett_client *client = begin(&server, "");

	refuse(client, "#!/bin/sh\nexit 1\n", &options, "ended, or closed descriptor 3");
	refuse(client, "#!/bin/sh\necho hello >&3\n", &options, "is not {\"ok\":true}");
	refuse(client, "#!/bin/sh\nexec cat\n", &options, "was not ready within");
	struct usage usage = server_steady(&server);
	refuse(client, "#!/bin/sh\nexec 3>&-; sleep 1000\n", &options, "closed descriptor 3");
	server_expect_usage(&server, usage);
	end(&server, client);
}

/* Grants and languages go together in any way. */
TEST(python_with_the_machines_files)
{
	if (!getenv("SCRIPTS"))
		test_skip("this build has no Python");
	struct mett_client *client = begin(&server, "");

	create(client,
	       "#!/usr/bin/python3\nimport os\ndef main(arg): return str(os.path.exists(arg))\n",
	       METT_LANGUAGE_PYTHON, METT_POLICY_FORK);
	EXPECT_ANSWER(client, "it", "/usr/bin/env", "True");
	EXPECT_ANSWER(client, "it", "/etc/passwd", "False");
	end(&server, client);
}

TEST(memory_is_limited)
{
	const struct mett_config config = {.memory_limit = 64 * MIB};
	need("/usr/bin/perl");
	struct mett_client *client = begin(&server, "");

	create(client, "#!/usr/bin/perl\nmy $x = 'x' x (1 << <STDIN>); print length $x;\n",
	       METT_LANGUAGE_EXEC, METT_POLICY_FORK);
	EXPECT_ANSWER(client, "it", "28", "268435456");
	EXPECT_FAILURE(client, "it", "28", &config, METT_FAILED, 1, NULL, "Out of memory");
	end(&server, client);
}

static void no_growth(enum mett_policy policy)
{
	struct mett_client *client = begin(&server, "");

	create(client, "#!/bin/sh\ncat | tr x y\nsleep 100 &\n", METT_LANGUAGE_EXEC, policy);
	expect_no_growth(&server, client, "it", "x", 4, 1500);
	end(&server, client);
}

TEST_TIMEOUT(no_growth_in_1500_calls, 300)
{
	no_growth(METT_POLICY_FORK);
}

TEST_TIMEOUT(no_growth_in_1500_calls_reused, 300)
{
	no_growth(METT_POLICY_REUSE);
}

/* Not for those who come after, either: `prlimit` can be told whose limits, as the caller's. */
TEST(nobody_lifts_the_limit_of_memory)
{
	static const char text[] =
		"#!/bin/sh\n"
		"ulimit -d | tr -d '\\n'\n"
		"prlimit --pid $PPID --data=unlimited: --as=unlimited: || exit 9\n";
	struct mett_action_options options = options_of(METT_LANGUAGE_EXEC, METT_POLICY_REUSE);
	struct mett_error error;

	need("/usr/bin/prlimit");
	struct mett_client *client = begin(&server, "");
	options.defaults.memory_limit = 64 * MIB;
	CHECK_EQ(offer(client, text, &options, &error), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_ANSWER(client, "it", "", "65536");
	end(&server, client);
}
