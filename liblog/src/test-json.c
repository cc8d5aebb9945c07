#include <liblog/log.h>

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES = 5000 };

/*
 * Python's parser is the judge: each line must be one strict UTF-8, strict JSON
 * object with the fields it should have, whatever the bytes of the message were.
 * Those of the first argument must come back as they went in.
 */
static const char judge[] =
	"import json, sys\n"
	"lines = open('/proc/self/fd/%d', 'rb').read().decode('utf-8').split('\\n')\n"
	"assert lines.pop() == '' and len(lines) == %d, len(lines)\n"
	"first = json.loads(lines[0])\n"
	"assert first['message'] == 'gr\\u00fcn \"\\\\\\x1b\\n\\x00\\u2028\\U0001f600', first\n"
	"assert first['file'] == 'a\"\\\\\\n.c' and first['function'] == 'f' * 251 + '[...]'\n"
	"for line in lines:\n"
	"    fields = json.loads(line)\n"
	"    assert set(fields) == {'time', 'level', 'package', 'pid', 'tid', 'thread', 'file',\n"
	"                           'line', 'function', 'message', 'code', 'error'}, fields\n"
	"    assert fields['level'] == 'warn' and fields['package'] == 'p\"\\n\\ufffd'\n"
	"    assert fields['line'] == 7 and fields['code'] == -2 and fields['error'] == 'ENOENT'\n"
	"    assert fields['thread'] == 't\"\\n' and type(fields['pid']) is int\n";

/* Exit status of the judge; 127: there is no Python. */
static int run_judge(int fd, int lines)
{
	char script[sizeof(judge) + 32];
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		snprintf(script, sizeof(script), judge, fd, lines);
		execlp("python3", "python3", "-c", script, (char *)NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void log_hostile(size_t lines)
{
	static const char greeting[] = "grün \"\\\033\n\0\u2028\U0001f600";
	static char message[3 * LOG_LINE_MAX], function[400];
	static const struct log_site site = {NULL, "a\"\\\n.c", function, 7, LOG_LEVEL_WARN};

	memset(function, 'f', sizeof(function) - 1);
	log_write(&site, -ENOENT, "{}", FMT_ARGS(fmt_bytes(greeting, sizeof(greeting) - 1)));
	srandom(2);
	for (size_t i = 1; i < lines; i++) {
		size_t size = (size_t)random() % (i % 50 ? 200 : sizeof(message));
		for (size_t k = 0; k < size; k++)
			message[k] = (char)(random() % 2 ? 0x80 | random() : random());
		log_write(&site, -ENOENT, "{}", FMT_ARGS(fmt_bytes(message, size)));
	}
}

TEST(json_is_valid_whatever_the_bytes)
{
	int file = memfd_create("log", 0), saved = dup(STDERR_FILENO);

	CHECK(file >= 0 && saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
	unsetenv("LOG_LEVEL");
	setenv("LOG_FORMAT", "json", 1);
	setenv("PKGNAME", "p\"\n\xff", 1);
	prctl(PR_SET_NAME, "t\"\n");
	log_hostile(LINES);
	dup2(saved, STDERR_FILENO);
	close(saved);
	int good = run_judge(file, LINES);
	/* The judge must be able to say no. */
	bool spoilt = pwrite(file, "\"", 1, lseek(file, 0, SEEK_END) - 5) == 1;
	int bad = run_judge(file, LINES);
	close(file);
	if (good == 127)
		test_skip("no python3 to judge");
	CHECK_EQ(good, 0);
	CHECK(spoilt);
	CHECK_EQ(bad, 1);
}
