/*
 * Programs that are none: ELF files and scripts mutated, cut, or rubbish, run as they are.
 * Each is refused, fails, or answers after all; the server and its other actions do not notice.
 */
#include <fixture.h>

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MUTANTS = 120,
	RUBBISH = 60,
	FILE_MAX = 2 << 20,
};

static struct server server;

/* Returns 0 when it was refused, 1 when it was taken, 2 when it even answered. */
static unsigned offer(struct mett_client *client, const void *data, size_t size,
                      enum mett_language language)
{
	const struct mett_action_options options = {
		language, METT_POLICY_REUSE, {0}, METT_GRANT_SYSTEM};
	const struct mett_config config = {.memory_limit = 64 * MIB, .timeout_us = 200 * MS_US};
	const char *path = make_file(&server, "program", data, size);
	struct mett_error error;
	int failure = mett_action_create_path(client, "fuzz", path, &options, &error);

	CHECK_EQ(unlink(path), 0);
	if (failure) {
		CHECK_EQ(error.reason, METT_BAD_PROGRAM);
		CHECK(*error.message);
		return 0;
	}
	failure = mett_action_invoke(client, "fuzz", "{}", 2, &config, NULL);
	CHECK(failure == 0 || failure == -EFAULT);
	CHECK_EQ(mett_action_delete(client, "fuzz", NULL), 0);
	return failure ? 1 : 2;
}

static size_t read_file(const char *path, unsigned char *ret)
{
	FILE *file = path ? fopen(path, "re") : NULL;

	CHECK(file);
	size_t size = fread(ret, 1, FILE_MAX, file);
	fclose(file);
	CHECK(size > 0 && size < FILE_MAX);
	return size;
}

static void mutate(const unsigned char *seed, size_t size)
{
	static unsigned char mutant[FILE_MAX];
	unsigned outcomes[3] = {0};

	server_start(&server, "");
	struct mett_client *client = join(&server), *other = join(&server);
	deploy(other, "echo", NULL);
	EXPECT_ANSWER(other, "echo", "still here", "still here");
	CHECK_EQ(offer(client, seed, size, METT_LANGUAGE_EXEC), 2);
	struct usage usage = server_steady(&server);
	for (uint64_t number = 0; number < MUTANTS; number++) {
		uint64_t state = number;
		/* Where it begins is what is looked at. */
		size_t reach = number % 2 || size < 256 ? size : 256;
		size_t cut = fuzz_below(&state, 8) ? size : 1 + fuzz_below(&state, (unsigned)size);

		memcpy(mutant, seed, size);
		fuzz_mutate(&state, mutant, reach);
		outcomes[offer(client, mutant, cut, METT_LANGUAGE_EXEC)]++;
		EXPECT_ANSWER(other, "echo", "still here", "still here");
	}
	printf("of %d mutants %u were refused, %u failed, %u answered\n", MUTANTS, outcomes[0],
	       outcomes[1], outcomes[2]);
	CHECK(outcomes[0] && outcomes[0] < MUTANTS);
	server_expect_usage(&server, usage);
	mett_client_free(client);
	mett_client_free(other);
	server_stop(&server);
}

TEST_TIMEOUT(compiled_programs_mutated, 600)
{
	static unsigned char seed[FILE_MAX];

	mutate(seed, read_file(getenv("DYNAMIC"), seed));
}

TEST_TIMEOUT(scripts_mutated, 600)
{
	static const char script[] = "#!/bin/sh\nread a\nif [ \"$a\" ]; then echo no; fi | cat\n";

	mutate((const unsigned char *)script, sizeof(script) - 1);
}

/* What a program that says it speaks ActionLoop says. */
TEST_TIMEOUT(actionloop_rubbish, 600)
{
	static const char begin[] = "#!/bin/sh\necho '{\"ok\":true}' >&3\nread a\ncat >&3 <<'X'\n";
	static char program[512];

	server_start(&server, "");
	struct mett_client *client = join(&server);
	for (uint64_t number = 0; number < RUBBISH; number++) {
		uint64_t state = number;
		size_t size = sizeof(begin) - 1, end = size + 1 + fuzz_below(&state, 100);

		memcpy(program, begin, size);
		while (size < end)
			program[size++] = "{}[]\"\\:,01eE.-tnu \n\0\377"[fuzz_below(&state, 22)];
		memcpy(program + size, "\nX\n", 3);
		CHECK_EQ(offer(client, program, size + 3, METT_LANGUAGE_ACTIONLOOP), 1);
	}
	mett_client_free(client);
	server_stop(&server);
}
