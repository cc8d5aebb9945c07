/*
 * Scripts and zip archives that are none: mutated, cut, or rubbish. Each is refused, or is
 * a function after all; the server and its other actions do not notice.
 */
#include <fixture.h>

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SCRIPTS = 150,
	ARCHIVES = 150,
	RUBBISH = 50,
	FILE_MAX = 64 << 10,
};

static struct server server;

/* Returns whether it was taken. */
static bool offer(struct mett_client *client, const void *data, size_t size)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	const struct mett_config config = {.memory_limit = 64 * MIB, .timeout_us = 200 * MS_US};
	const char *path = make_file(&server, "script", data, size);
	struct mett_error error;
	int failure = mett_action_create_path(client, "fuzz", path, &python, &error);

	CHECK_EQ(unlink(path), 0);
	if (failure) {
		CHECK_EQ(error.reason, METT_BAD_PROGRAM);
		CHECK(*error.message);
		return false;
	}
	failure = mett_action_invoke(client, "fuzz", "7", 1, &config, NULL);
	CHECK(failure == 0 || failure == -EFAULT);
	CHECK_EQ(mett_action_delete(client, "fuzz", NULL), 0);
	return true;
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

static void mutate(const char *path, unsigned cases)
{
	static unsigned char seed[FILE_MAX], mutant[FILE_MAX];
	size_t size = read_file(path, seed);
	unsigned taken = 0;

	server_start(&server, "--max-memory 256M");
	struct mett_client *client = join(&server), *other = join(&server);
	deploy(other, "echo", NULL);
	CHECK(offer(client, seed, size));
	EXPECT_ANSWER(other, "echo", "still here", "still here");
	struct usage usage = server_steady(&server);
	for (uint64_t number = 0; number < cases; number++) {
		uint64_t state = number;
		size_t cut = fuzz_below(&state, 8) ? size : 1 + fuzz_below(&state, (unsigned)size);

		memcpy(mutant, seed, size);
		fuzz_mutate(&state, mutant, size);
		taken += offer(client, mutant, cut);
		EXPECT_ANSWER(other, "echo", "still here", "still here");
	}
	printf("of %u mutants %u are functions\n", cases, taken);
	CHECK(taken > 0 && taken < cases);
	server_expect_usage(&server, usage);
	mett_client_free(client);
	mett_client_free(other);
	server_stop(&server);
}

TEST_TIMEOUT(scripts_mutated, 600)
{
	mutate(script_path("values"), SCRIPTS);
}

TEST_TIMEOUT(archives_mutated, 600)
{
	mutate(getenv("EXAMPLE_NUMBERS"), ARCHIVES);
}

TEST_TIMEOUT(rubbish, 600)
{
	static unsigned char bytes[4096];

	server_start(&server, "--max-memory 256M");
	struct mett_client *client = join(&server);
	for (uint64_t number = 0; number < RUBBISH; number++) {
		uint64_t state = number;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)fuzz_next(&state);
		if (number % 2)
			memcpy(bytes, "PK\3\4", 4);
		CHECK(!offer(client, bytes, 1 + fuzz_below(&state, sizeof(bytes))));
	}
	mett_client_free(client);
	server_stop(&server);
}
