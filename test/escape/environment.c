/*
 * What two actions were granted for their environments, looked for in the memory of every
 * process below the server: each is in its own action's, and nowhere else.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PROCESSES = 64, PIECE = 1 << 20, LINE = 512 };

/* Made of two parts, so that they are in no file. */
static const char *const granted[] = {"VALUE=granted-to-"
                                      "the-first-0815",
                                      "VALUE=granted-to-"
                                      "the-second-4711"};
static const char own[] = "kept-by-"
			  "the-server-1234";

static struct server server;

static FILE *open_maps(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	return maps;
}

static bool range_holds(int memory, unsigned long from, unsigned long to, const char *text)
{
	static char piece[PIECE];
	size_t length = strlen(text);

	while (from < to) {
		size_t want = to - from < PIECE ? to - from : PIECE;
		ssize_t got = pread(memory, piece, want, (off_t)from);

		if (got <= 0)
			return false; /* not there to be read: what is the kernel's */
		if (memmem(piece, (size_t)got, text, length))
			return true;
		if ((size_t)got == to - from || (size_t)got <= length)
			return false;
		from += (size_t)got - length;
	}
	return false;
}

static bool holds(pid_t pid, const char *text)
{
	char path[64], line[LINE];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0)
		test_skip("the memory of others cannot be read here: %s", strerror(errno));
	FILE *maps = open_maps(pid);
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		/* What is on a disk or shared is not where it would be copied to. */
		if (sscanf(line, "%lx-%lx rw", &from, &to) == 2 && strstr(line, " rw"))
			found = range_holds(memory, from, to, text);
	}
	fclose(maps);
	close(memory);
	return found;
}

/* 0 or 1: of which action's programs it is; -1: of neither's, as inits, spares and the launcher. */
static int action_of(pid_t pid)
{
	char path[64], name[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	FILE *in = fopen(path, "re");
	CHECK(in);
	size_t size = fread(name, 1, sizeof(name) - 1, in);
	fclose(in);
	return size && !strcmp(name, "first") ? 0 : size && !strcmp(name, "second") ? 1 : -1;
}

/* An init may be a copy of the launcher when that held what its own sandbox was granted. */
static bool share_a_sandbox(pid_t init, const pid_t *all, unsigned count, int action)
{
	char path[64], its[64], theirs[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", init);
	ssize_t length = readlink(path, its, sizeof(its));
	CHECK(length > 0);
	for (unsigned i = 0; i < count; i++) {
		if (action_of(all[i]) != action)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/pid", all[i]);
		if (readlink(path, theirs, sizeof(theirs)) == length &&
		    !memcmp(its, theirs, (size_t)length))
			return true;
	}
	return false;
}

static void is_nobody_elses(enum mett_policy policy)
{
	unsigned count, seen[3] = {0};
	pid_t all[PROCESSES];

	if (SANITIZED)
		test_skip("a sanitizer's memory is too large to look through");
	if (geteuid())
		test_skip("only root can read the memory of all that is to be looked at");
	setenv("OWN", own, 1);
	struct mett_client *client = begin(&server, "");
	for (int i = 0; i < 2; i++) {
		const char *const list[] = {granted[i], NULL};
		const struct mett_action_options options = {.policy = policy, .environment = list};

		deploy_file(client, i ? "second" : "first", function_path("echo"), &options);
		EXPECT_ANSWER(client, i ? "second" : "first", "x", "x");
	}
	server_steady(&server);
	count = server_processes(&server, all, PROCESSES);
	CHECK(count < PROCESSES);
	for (unsigned i = 0; i < count; i++) {
		int action = action_of(all[i]);

		seen[action + 1]++;
		for (int other = 0; other < 2; other++) {
			bool here = holds(all[i], granted[other]);

			if (action == other ? !here
			                    : here && !share_a_sandbox(all[i], all, count, other))
				test_fail(__FILE__, __LINE__, "process %d of action %d and '%s'",
				          all[i], action, granted[other]);
		}
		/* The launcher and inits are copies of the server. */
		CHECK(action < 0 || !holds(all[i], own));
	}
	CHECK(seen[0] >= 2 && seen[1] >= 1 && seen[2] >= 1);
	end(&server, client);
}

TEST(of_fork)
{
	is_nobody_elses(METT_POLICY_FORK);
}

TEST(of_spawn)
{
	is_nobody_elses(METT_POLICY_SPAWN);
}

TEST(of_reuse)
{
	is_nobody_elses(METT_POLICY_REUSE);
}
