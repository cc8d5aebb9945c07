/*
 * Scripts and zip archives that are none: mutated, cut, or rubbish. Each is refused, or is
 * a function after all; the server and its other actions do not notice.
 */
#include "fuzz.h"
#include "offer.h"

#include <stdlib.h>
#include <string.h>

enum {
	MUTANTS = 150,
	RUBBISH = 50,
};

#define OPTIONS "--max-memory 256M"

static const struct offer_kind python = {.options.language = METT_LANGUAGE_PYTHON, .argument = "7"};

static void mutate(const char *path)
{
	size_t size;
	unsigned char *seed = fuzz_read(path, &size);

	offer_mutants(OPTIONS, &python, seed, size, MUTANTS);
	free(seed);
}

TEST_TIMEOUT(scripts_mutated, 600)
{
	mutate(script_path("values"));
}

TEST_TIMEOUT(archives_mutated, 600)
{
	mutate(getenv("EXAMPLE_NUMBERS"));
}

TEST_TIMEOUT(rubbish, 600)
{
	static unsigned char bytes[4096];
	struct server server;
	struct mett_client *client = begin(&server, OPTIONS);

	for (uint64_t number = 0; number < RUBBISH; number++) {
		uint64_t state = number;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)fuzz_next(&state);
		if (number % 2)
			memcpy(bytes, "PK\3\4", 4);
		CHECK_EQ(offer(&server, client, &python, bytes,
		               1 + fuzz_below(&state, sizeof(bytes))),
		         OFFER_REFUSED);
	}
	end(&server, client);
}
