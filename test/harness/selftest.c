/*
 * The harness must be able to fail: it runs this program's own "must_" tests
 * and looks at what comes out.
 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool in_selftest(void)
{
	return getenv("METT_SELFTEST") != NULL;
}

static int outcome_of(const char *name, char *text, size_t size)
{
	char command[512], self[256];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(length > 0);
	self[length] = 0;
	snprintf(command, sizeof(command), "METT_SELFTEST=1 %s %s 2>&1", self, name);
	FILE *pipe = popen(command, "r");
	CHECK(pipe);
	size_t got = fread(text, 1, size - 1, pipe);
	text[got] = 0;
	int status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(must_fail)
{
	if (in_selftest())
		CHECK_EQ(1 + 1, 3);
}

TEST(must_leak)
{
	if (in_selftest())
		CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

TEST(must_crash)
{
	if (in_selftest())
		abort();
}

TEST_TIMEOUT(must_hang, 1)
{
	while (in_selftest())
		pause();
}

TEST(must_skip)
{
	if (in_selftest())
		test_skip("no %s here", "bicycle");
}

TEST(harness_tells_outcomes_apart)
{
	char text[4096];

	if (in_selftest())
		return;
	CHECK_EQ(outcome_of("must_fail", text, sizeof(text)), 1);
	CHECK(strstr(text, "1 + 1 is 2, not 3 (3)"));
	CHECK(strstr(text, "not ok 1 - must_fail"));
	CHECK_EQ(outcome_of("must_leak", text, sizeof(text)), 1);
	CHECK(strstr(text, "not ok 1 - must_leak") && strstr(text, "/dev/null"));
	CHECK_EQ(outcome_of("must_crash", text, sizeof(text)), 1);
	CHECK(strstr(text, "killed by signal 6"));
	CHECK_EQ(outcome_of("must_hang", text, sizeof(text)), 1);
	CHECK(strstr(text, SANITIZED ? "no end after 4 s" : "no end after 1 s"));
	CHECK_EQ(outcome_of("must_skip", text, sizeof(text)), 0);
	CHECK(strstr(text, "ok 1 - must_skip # SKIP no bicycle here"));
}
