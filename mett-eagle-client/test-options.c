#include "options.h"

#include <test.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct options options;

/* Reads the line cut at blanks; what it prints is in `said`. */
static char said[8192];

static enum options_outcome read_line(const char *line)
{
	static char copy[1024];
	char *argv[32] = {"client"};
	int argc = 1, out = dup(1), err = dup(2), ends[2];

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	fflush(stdout);
	CHECK_EQ(pipe(ends), 0);
	dup2(ends[1], 1);
	dup2(ends[1], 2);
	close(ends[1]);
	enum options_outcome outcome = options_read(argc, argv, &options);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	ssize_t length = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	CHECK(length >= 0);
	said[length] = 0;
	return outcome;
}

static void check_wrong(const char *line, const char *part)
{
	CHECK_EQ(read_line(line), OPTIONS_WRONG);
	if (!strstr(said, part))
		test_fail(__FILE__, __LINE__, "%s: \"%s\" lacks \"%s\"", line, said, part);
	CHECK(strstr(said, "Try 'mett-eagle-client --help'"));
}

TEST(without_options_it_is_the_empty_function)
{
	CHECK_EQ(read_line(""), OPTIONS_RUN);
	CHECK_EQ(options.threads, 1);
	CHECK_EQ(options.iterations, 1000);
	CHECK(!options.socket);
	CHECK_STR(options.argument, "");
	CHECK_EQ(options.policy, METT_POLICY_FORK);
	CHECK_EQ(options.form, OUTPUT_BY_TERMINAL);
	CHECK_EQ(options.action_count, 1);
	CHECK_STR(options.actions[0].name, "function");
	CHECK(strstr(options.actions[0].path, "/functions/empty"));
	CHECK_EQ(options.actions[0].language, METT_LANGUAGE_BINARY);
	CHECK_STR(said, "");
}

TEST(each_option_is_heard)
{
	CHECK_EQ(read_line("--threads=4 --iterations 2K --socket /s --function ./f.elf --arg x "
	                   "--timeout-us 5 --memory-limit 64M --policy reuse --rate 2.5 --json "
	                   "--callee a=/b --callee c=d.py"),
	         OPTIONS_RUN);
	CHECK_EQ(options.threads, 4);
	CHECK_EQ(options.iterations, 2048);
	CHECK_STR(options.socket, "/s");
	CHECK_STR(options.argument, "x");
	CHECK_EQ(options.config.timeout_us, 5);
	CHECK_EQ(options.config.memory_limit, 64 << 20);
	CHECK_EQ(options.policy, METT_POLICY_REUSE);
	CHECK(options.rate == 2.5);
	CHECK_EQ(options.form, OUTPUT_JSON);
	CHECK_EQ(options.action_count, 3);
	CHECK_STR(options.actions[0].path, "./f.elf");
	CHECK_STR(options.actions[1].name, "a");
	CHECK_STR(options.actions[1].path, "/b");
	CHECK_STR(options.actions[2].name, "c");
	CHECK_EQ(options.actions[2].language, METT_LANGUAGE_PYTHON);
	CHECK(strstr(options.actions[2].path, "functions/d.py"));
}

TEST(grants_add_up)
{
	CHECK_EQ(read_line("-g env:A=x=y --grant system --grant=env:B="), OPTIONS_RUN);
	CHECK_EQ(options.grants, METT_GRANT_SYSTEM);
	CHECK_EQ(options.variable_count, 2);
	CHECK_STR(options.environment[0], "A=x=y");
	CHECK_STR(options.environment[1], "B=");
	CHECK(!options.environment[2]);
}

TEST(the_language_is_guessed_unless_given)
{
	CHECK_EQ(read_line("-f /x/f.py"), OPTIONS_RUN);
	CHECK_EQ(options.actions[0].language, METT_LANGUAGE_PYTHON);
	CHECK_EQ(read_line("-f /x/f.zip"), OPTIONS_RUN);
	CHECK_EQ(options.actions[0].language, METT_LANGUAGE_PYTHON);
	CHECK_EQ(read_line("-f .py"), OPTIONS_RUN);
	CHECK_EQ(options.actions[0].language, METT_LANGUAGE_BINARY);
	CHECK_EQ(read_line("-l binary -f /x/f.py"), OPTIONS_RUN);
	CHECK_EQ(options.actions[0].language, METT_LANGUAGE_BINARY);
	CHECK_EQ(read_line("-f /x/f -l python"), OPTIONS_RUN);
	CHECK_EQ(options.actions[0].language, METT_LANGUAGE_PYTHON);
}

TEST(what_is_wrong_is_named)
{
	check_wrong("--threads 0", "--threads: '0'");
	check_wrong("--threads 1025", "from 1 to 1024");
	check_wrong("--threads -1", "'-1'");
	check_wrong("--threads 1K", "'1K'");
	check_wrong("--iterations x", "--iterations: 'x'");
	check_wrong("--iterations 1Kx", "'1Kx'");
	check_wrong("--iterations 99999999999999999999", "whole number");
	check_wrong("--memory-limit 99999999999G", "--memory-limit");
	check_wrong("--timeout-us 0", "--timeout-us");
	check_wrong("--rate 0", "--rate");
	check_wrong("--rate nan", "--rate");
	check_wrong("--rate inf", "--rate");
	check_wrong("--language d", "say binary, c, python, exec or actionloop");
	check_wrong("--grant all", "say system, or env:KEY=VALUE");
	check_wrong("--grant env:", "'env:' is not of the form env:KEY=VALUE");
	check_wrong("--grant env:KEY", "'env:KEY' is not of the form");
	check_wrong("--grant env:=x", "'env:=x' is not of the form");
	check_wrong("--policy default", "say fork, spawn or reuse");
	check_wrong("--callee x", "NAME=FILE");
	check_wrong("--callee x=", "NAME=FILE");
	check_wrong("--callee a/b=c", "'a/b'");
	check_wrong("--raw --json", "exclude each other");
	check_wrong("file", "'file'");
	check_wrong("--nonsense", "nonsense");
	check_wrong("--arg", "requires an argument");
}

TEST(help_and_version_are_given)
{
	CHECK_EQ(read_line("--help"), OPTIONS_DONE);
	CHECK(strstr(said, "Usage: mett-eagle-client") && strstr(said, "--memory-limit"));
	CHECK_EQ(read_line("--version"), OPTIONS_DONE);
	CHECK_STR(said, "mett-eagle-client " METT_VERSION "\n");
}
