/*
 * Scripts and zip archives that are none: mutated, cut, or rubbish. Each is refused, or is
 * a function after all; the server and its other actions do not notice.
 */
#include "fuzz.h"
#include "offer.h"

#include <stdlib.h>
#include <string.h>

enum {
	SCRIPTS = 150,
	ARCHIVES = 150,
	RUBBISH = 50,
	FILE_MAX = 64 << 10,
};

#define OPTIONS "--max-memory 256M"

static const struct offer_kind python = {.options.language = METT_LANGUAGE_PYTHON, .argument = "7"};

static unsigned char seed[FILE_MAX];

TEST_TIMEOUT(scripts_mutated, 600)
{
	size_t size = offer_read(script_path("values"), seed, FILE_MAX);

	offer_mutants(OPTIONS, &python, seed, size, SCRIPTS);
}

TEST_TIMEOUT(archives_mutated, 600)
{
	size_t size = offer_read(getenv("EXAMPLE_NUMBERS"), seed, FILE_MAX);

	offer_mutants(OPTIONS, &python, seed, size, ARCHIVES);
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
