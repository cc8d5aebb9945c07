/* Functions in Python: what goes in and comes out, what is refused, and that each call is fresh. */
#include <fixture.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	UNIQUE_CALLS = 100,
	UNIQUE_FIELDS = 8,
};

static struct server server;

static struct mett_client *begin_script(const char *script, enum mett_policy policy)
{
	const struct mett_action_options options = {METT_LANGUAGE_PYTHON, policy, {0}};
	struct mett_client *client = begin(&server, "");

	deploy_file(client, script, script_path(script), &options);
	return client;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	CHECK(file);
	CHECK(fputs(text, file) >= 0);
	CHECK_EQ(fclose(file), 0);
}

static void each_value(enum mett_policy policy)
{
	struct mett_client *client = begin_script("values", policy);
	struct mett_result result;

	EXPECT_ANSWER(client, "values", "str", "é");
	EXPECT_ANSWER(client, "values", "none", "");
	EXPECT_ANSWER(client, "values", "buffer", "buffer");
	EXPECT_ANSWER(client, "values", "dict", "{\"é\": [1, 2.5, null, true]}");
	EXPECT_ANSWER(client, "values", "list", "[]");
	EXPECT_ANSWER(client, "values", "ärger", "5");
	EXPECT_ANSWER(client, "values", "", "0");
	CHECK_EQ(mett_action_invoke(client, "values", "bytes", 5, NULL, &result), 0);
	CHECK_EQ(result.answer_size, 3);
	CHECK(!memcmp(result.answer, "\xff\0\xfe", 3));
	mett_result_deinit(&result);
	/* Not UTF-8: bytes come, zeroes in them. */
	CHECK_EQ(mett_action_invoke(client, "values", "\xff\0", 2, NULL, &result), 0);
	CHECK_EQ(result.answer_size, 8);
	CHECK(!memcmp(result.answer, "bytes \xff\0", 8));
	mett_result_deinit(&result);
	end(&server, client);
}

TEST(values_of_each_kind)
{
	each_value(METT_POLICY_FORK);
}

TEST(values_of_each_kind_spawned)
{
	each_value(METT_POLICY_SPAWN);
}

TEST(values_of_each_kind_reused)
{
	each_value(METT_POLICY_REUSE);
}

TEST(values_that_are_large)
{
	struct mett_client *client = begin_script("values", METT_POLICY_FORK);
	const size_t size = METT_PAYLOAD_MAX - 1;
	char *argument = malloc(size);
	struct mett_result result;

	CHECK(argument);
	memset(argument, 'a', size);
	CHECK_EQ(mett_action_invoke(client, "values", argument, size, NULL, &result), 0);
	CHECK_STR(result.answer, "16777215");
	mett_result_deinit(&result);
	free(argument);
	for (const char *const *wanted = (const char *const[]){"65536", "65537", "16777216", NULL};
	     *wanted; wanted++) {
		char ask[32];

		snprintf(ask, sizeof(ask), "large %s", *wanted);
		CHECK_EQ(mett_action_invoke(client, "values", ask, strlen(ask), NULL, &result), 0);
		CHECK_EQ(result.answer_size, strtoul(*wanted, NULL, 10));
		CHECK_EQ(((const char *)result.answer)[result.answer_size - 1], 'y');
		mett_result_deinit(&result);
	}
	EXPECT_FAILURE(client, "values", "large 16777217", NULL, METT_FAILED, 1,
	               "16777217 bytes, which is more than the server takes");
	end(&server, client);
}

static void each_failure(enum mett_policy policy)
{
	struct mett_client *client = begin_script("values", policy);

	EXPECT_FAILURE(client, "values", "raise", NULL, METT_FAILED, 1, "LookupError: where is it?",
	               "raise LookupError(\"where is it?");
	EXPECT_FAILURE(
		client, "values", "raise", NULL, METT_FAILED, 1, NULL,
		"Traceback (most recent call last):\n  File \"/function/function.py\", line");
	EXPECT_FAILURE(client, "values", "silent", NULL, METT_FAILED, 1,
	               "KeyError (function.py line");
	EXPECT_FAILURE(client, "values", "unprintable", NULL, METT_FAILED, 1, "Bad");
	EXPECT_FAILURE(client, "values", "long", NULL, METT_FAILED, 1, "ValueError: xxx");
	EXPECT_FAILURE(client, "values", "int", NULL, METT_FAILED, 1, "of type int");
	EXPECT_FAILURE(client, "values", "nan", NULL, METT_FAILED, 1, "ValueError");
	EXPECT_FAILURE(client, "values", "surrogate", NULL, METT_FAILED, 1, "UnicodeEncodeError");
	EXPECT_FAILURE(client, "values", "exit", NULL, METT_EXITED, 7);
	EXPECT_ANSWER(client, "values", "str", "é");
	end(&server, client);
}

TEST(failures_are_told)
{
	each_failure(METT_POLICY_FORK);
}

TEST(failures_are_told_reused)
{
	each_failure(METT_POLICY_REUSE);
}

TEST(what_is_printed_is_the_log)
{
	struct mett_client *client = begin_script("values", METT_POLICY_FORK);
	struct mett_result result;

	CHECK_EQ(mett_action_invoke(client, "values", "print", 5, NULL, &result), 0);
	CHECK_STR(result.log, "out\nerr\nlog\n");
	mett_result_deinit(&result);
	end(&server, client);
}

TEST(what_the_top_level_prints_is_no_calls)
{
	const char script[] = "import sys\nprint('top', end='')\nsys.stderr.write('top')\n"
			      "def main(arg): print('call')\n";
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	struct mett_result result;
	struct mett_client *client = begin(&server, "");

	const char *path = make_file(&server, "script", script, strlen(script));
	deploy_file(client, "print", path, &python);
	unlink(path);
	CHECK_EQ(mett_action_invoke(client, "print", "", 0, NULL, &result), 0);
	CHECK_STR(result.log, "call\n");
	mett_result_deinit(&result);
	end(&server, client);
}

TEST(what_is_served_is_known)
{
	struct mett_client *client = begin_script("values", METT_POLICY_FORK);
	const struct mett_config config = {.memory_limit = 64 * MIB, .timeout_us = 60000 * MS_US};
	struct mett_result result;
	uint64_t id;
	double deadline;
	int end_of_text = 0;
	uint64_t before = now_ms();

	CHECK_EQ(mett_action_invoke(client, "values", "activation", 10, &config, &result), 0);
	CHECK_EQ(sscanf(result.answer, "[%lu, \"values\", %lf, 67108864]%n", &id, &deadline,
	                &end_of_text),
	         2);
	CHECK_EQ(end_of_text, (int)result.answer_size);
	CHECK_EQ(id, result.activation);
	CHECK(deadline * 1000 >= (double)before + 60000);
	CHECK(deadline * 1000 <= (double)now_ms() + 60001);
	mett_result_deinit(&result);
	end(&server, client);
}

static void refuse(struct mett_client *client, const char *script, const char *why)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	struct mett_error error;
	const char *path = make_file(&server, "script", script, strlen(script));

	CHECK_EQ(mett_action_create_path(client, "bad", path, &python, &error), -EINVAL);
	CHECK_EQ(error.reason, METT_BAD_PROGRAM);
	if (!strstr(error.message, why) || !strstr(error.message, "'bad'"))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", error.message, why);
	unlink(path);
}

TEST(wrong_scripts_are_refused)
{
	struct mett_client *client = begin(&server, "--max-memory 256M");

	refuse(client, "x = 1\n\ndef main(arg:\n  pass\n", "line 3: SyntaxError");
	refuse(client, "def main(arg):\n  return 1\n return 2\n", "line 3: IndentationError");
	refuse(client, "x = 1\n", "defines no function main(arg)");
	refuse(client, "main = 1\n", "defines no function main(arg)");
	refuse(client, "\nimport nosuch\n",
	       "line 2: ModuleNotFoundError: No module named 'nosuch'");
	refuse(client, "def f():\n  return 1 / 0\nf()\n", "line 2: ZeroDivisionError");
	refuse(client, "import sys\nsys.exit(3)\n", "line 2: SystemExit: 3");
	refuse(client, "async def main(arg): pass\n", "line 1: main is a coroutine");
	refuse(client, "import threading\nthreading.Thread(target=id).start()\n",
	       "line 2: RuntimeError: can't start new thread");
	refuse(client, "import os\nf = open(os.devnull)\n", "line 2: FileNotFoundError");
	refuse(client, "import json\nf = open(json.__file__)\ndef main(arg): pass\n",
	       "json/__init__.py' open");
	refuse(client, "import os\nos._exit(5)\n", "exited with code 5");
	refuse(client, "import ctypes\nctypes.string_at(0)\n", "signal 11");
	refuse(client, "PK\3\4 and so on", "zip archive is broken");
	refuse(client,
	       "\x7f"
	       "ELF",
	       "SyntaxError");
	refuse(client, "kept = [0]\nwhile True: kept += kept\n", "line 2: MemoryError");
	EXPECT_FAILURE(client, "bad", "", NULL, METT_NO_ACTION);
	server_expect_usage(&server, server_steady(&server));
	end(&server, client);
}

TEST(a_script_that_hangs_is_refused)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	const char script[] = "while True: pass\n";
	struct mett_error error;
	struct mett_client *client = begin(&server, "");

	const char *path = make_file(&server, "script", script, strlen(script));
	CHECK_EQ(mett_action_create_path(client, "bad", path, &python, &error), -EINVAL);
	CHECK(strstr(error.message, "not ready within 10 s"));
	unlink(path);
	end(&server, client);
}

/* Who has no Python must have all else, and be told. */
TEST(a_machine_without_the_runtime_says_so)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	struct mett_error error;
	struct mett_client *client = begin(&server, "--python /nowhere/python");

	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "hello", "hello");
	CHECK_EQ(mett_action_create_path(client, "f", script_path("values"), &python, &error),
	         -EINVAL);
	CHECK(strstr(error.message, "cannot open /nowhere/python"));
	CHECK(strstr(error.message, "--python PATH"));
	end(&server, client);
}

/* The list decides what is seen: here the machine's programs too, by links as they are. */
TEST(the_list_of_files_is_what_is_seen)
{
	const char list[] = "# all\n/usr\n/lib\n/lib64\n/bin\n?/nowhere\n/usr/bin/env\n";
	const char script[] = "import os\ndef main(arg): return [os.path.isfile('/bin/sh'), "
			      "os.path.isfile('/usr/bin/env'), os.path.exists('/etc')]\n";
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	char folder[] = "/tmp/mett-eagle-test-XXXXXX", options[128], path[64], files[64];
	struct mett_error error;

	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/python", folder);
	snprintf(files, sizeof(files), "%s/python.files", folder);
	snprintf(options, sizeof(options), "--python %s", path);
	CHECK_EQ(symlink(getenv("PYTHON_FAAS3"), path), 0);
	write_file(files, list);
	server_start(&server, options);
	struct mett_client *client = join(&server);
	const char *source = make_file(&server, "script", script, strlen(script));
	deploy_file(client, "f", source, &python);
	EXPECT_ANSWER(client, "f", "", "[true, true, false]");
	unlink(source);
	end(&server, client);
	/* What cannot be shown is named. */
	write_file(files, "/usr\n/nowhere\n");
	server_start(&server, options);
	client = join(&server);
	CHECK_EQ(mett_action_create_path(client, "f", script_path("values"), &python, &error),
	         -EINVAL);
	CHECK(strstr(error.message, "cannot show /nowhere: No such file"));
	end(&server, client);
	unlink(path);
	unlink(files);
	rmdir(folder);
}

static void no_trace(enum mett_policy policy)
{
	struct mett_client *client = begin_script("fresh", policy);

	for (int i = 0; i < 10; i++)
		EXPECT_ANSWER(client, "fresh", "x", "[]");
	end(&server, client);
}

TEST(no_trace_is_left_by_fork)
{
	no_trace(METT_POLICY_FORK);
}

TEST(no_trace_is_left_by_spawn)
{
	no_trace(METT_POLICY_SPAWN);
}

/* That they would be seen: a process that serves again has them all, but the files. */
TEST(traces_are_left_by_reuse)
{
	struct mett_client *client = begin_script("fresh", METT_POLICY_REUSE);

	EXPECT_ANSWER(client, "fresh", "x", "[]");
	EXPECT_ANSWER(client, "fresh", "x",
	              "[\"atexit\", \"builtin\", \"class\", \"collector\", \"default\", "
	              "\"descriptor\", \"environment\", \"folder\", \"function\", \"global\", "
	              "\"module\", \"path\", \"recursion\", \"signal\", \"stdout\", \"timer\"]");
	end(&server, client);
}

/* One field of all calls: are any two the same? */
static unsigned distinct(char fields[UNIQUE_CALLS][UNIQUE_FIELDS][64], int field)
{
	unsigned count = 0;

	for (int i = 0; i < UNIQUE_CALLS; i++) {
		int j = 0;

		while (j < i && strcmp(fields[i][field], fields[j][field]))
			j++;
		count += j == i;
	}
	return count;
}

TEST(nothing_repeats_among_forks)
{
	static char fields[UNIQUE_CALLS][UNIQUE_FIELDS][64];
	struct mett_client *client = begin_script("unique", METT_POLICY_FORK);
	struct mett_result result;

	for (int i = 0; i < UNIQUE_CALLS; i++) {
		char(*f)[64] = fields[i];

		CHECK_EQ(mett_action_invoke(client, "unique", "", 0, NULL, &result), 0);
		CHECK_EQ(sscanf(result.answer, "%63s %63s %63s %63s %63s %63s %63s %63s", f[0],
		                f[1], f[2], f[3], f[4], f[5], f[6], f[7]),
		         UNIQUE_FIELDS);
		mett_result_deinit(&result);
	}
	for (int field = 0; field < UNIQUE_FIELDS - 1; field++)
		if (distinct(fields, field) != UNIQUE_CALLS)
			test_fail(__FILE__, __LINE__, "field %d, as %s, repeats", field,
			          fields[0][field]);
	/* Objects lie in few places, but not always in the same. */
	CHECK(distinct(fields, UNIQUE_FIELDS - 1) > UNIQUE_CALLS / 8);
	end(&server, client);
}

TEST(memory_is_limited)
{
	struct mett_client *client = begin_script("memory", METT_POLICY_FORK);
	const struct mett_config config = {.memory_limit = 48 * MIB};

	expect_answer(__FILE__, __LINE__, client, "memory", "catch", &config, "caught");
	EXPECT_FAILURE(client, "memory", "grow", &config, METT_OUT_OF_MEMORY, 48 << 10, NULL,
	               "MemoryError");
	EXPECT_FAILURE(client, "memory", "small", &config, METT_OUT_OF_MEMORY, 48 << 10);
	EXPECT_FAILURE(client, "memory", "json", &config, METT_OUT_OF_MEMORY, 48 << 10);
	EXPECT_FAILURE(client, "memory", "recursion", &config, METT_FAILED, 1, "RecursionError");
	EXPECT_ANSWER(client, "memory", "", "alive");
	end(&server, client);
}

static void time_is_limited(enum mett_policy policy)
{
	struct mett_client *client = begin_script("memory", policy);
	const struct mett_config config = {.timeout_us = 200 * MS_US};

	/* In C code, where the interpreter looks for nothing. */
	EXPECT_FAILURE(client, "memory", "loop", &config, METT_TIMED_OUT, 200);
	EXPECT_ANSWER(client, "memory", "", "alive");
	end(&server, client);
}

TEST(time_is_limited_in_forks)
{
	time_is_limited(METT_POLICY_FORK);
}

TEST(time_is_limited_in_reuse)
{
	time_is_limited(METT_POLICY_REUSE);
}

TEST(others_are_invoked)
{
	struct mett_client *client = begin_script("invokes", METT_POLICY_FORK);

	deploy(client, "echo", NULL);
	deploy(client, "sleep", NULL);
	deploy(client, "exit", NULL);
#define INVOKES(request_, answer_) EXPECT_ANSWER(client, "invokes", request_, answer_)
	INVOKES("early", "there is no activation yet: call this from main(), not while the module "
	                 "is loaded");
	INVOKES("{\"name\": \"echo\", \"arg\": \"é\"}", "[\"é\"]");
	INVOKES("{\"name\": \"echo\"}", "[\"\"]");
	INVOKES("{\"name\": \"echo\", \"arg\": {\"a\": 1}, \"long\": true}",
	        "[\"{\\\"a\\\": 1}\"]");
	INVOKES("{\"name\": \"echo\", \"arg\": 3}", "TypeError");
	INVOKES("{\"nom\": \"echo\"}", "TypeError");
	INVOKES("{\"name\": \"echo\", \"timeout\": -1}", "ValueError");
	INVOKES("{\"name\": \"exit\", \"arg\": \"4\"}",
	        "{\"reason\": \"exited wrongly\", \"detail\": 4, \"text\": \"action 'exit' exited "
	        "with code 4 and gave no answer\", \"log\": \"\"}");
#undef INVOKES
	struct mett_result result;
	const char late[] = "{\"name\": \"sleep\", \"arg\": \"60000\", \"timeout\": 0.05}";
	CHECK_EQ(mett_action_invoke(client, "invokes", late, strlen(late), NULL, &result), 0);
	CHECK(strstr(result.answer, "\"timed out\", \"detail\": 50"));
	mett_result_deinit(&result);
	end(&server, client);
}

TEST_TIMEOUT(no_growth_in_50000_calls, 600)
{
	struct mett_client *client = begin_script("values", METT_POLICY_FORK);

	/* A sanitizer is slow. */
	expect_no_growth(&server, client, "values", "dict", 8, SANITIZED ? 5000 : 50000);
	end(&server, client);
}

/* It is no circle because it was looked at before. */
TEST(a_value_that_was_mended)
{
	struct mett_client *client = begin_script("again", METT_POLICY_FORK);

	EXPECT_ANSWER(client, "again", "", "{\"numbers\": [1, 2]}");
	end(&server, client);
}
