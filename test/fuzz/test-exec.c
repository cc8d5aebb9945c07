/*
 * Programs that are none: ELF files and scripts mutated, cut, or rubbish, run as they are.
 * Each is refused, fails, or answers after all; the server and its other actions do not notice.
 */
#include "fuzz.h"
#include "offer.h"

#include <stdlib.h>
#include <string.h>

enum {
	MUTANTS = 120,
	RUBBISH = 60,
};

static const struct offer_kind exec = {
	.options = {METT_LANGUAGE_EXEC, METT_POLICY_REUSE, {0}, METT_GRANT_SYSTEM},
	.argument = "{}",
	.head = 256,
};
static const struct offer_kind actionloop = {
	.options = {METT_LANGUAGE_ACTIONLOOP, METT_POLICY_REUSE, {0}, METT_GRANT_SYSTEM},
	.argument = "{}",
};

TEST_TIMEOUT(compiled_programs_mutated, 600)
{
	size_t size;
	unsigned char *seed = fuzz_read(getenv("DYNAMIC"), &size);

	offer_mutants("", &exec, seed, size, MUTANTS);
	free(seed);
}

TEST_TIMEOUT(scripts_mutated, 600)
{
	static const char script[] = "#!/bin/sh\nread a\nif [ \"$a\" ]; then echo no; fi | cat\n";

	offer_mutants("", &exec, script, sizeof(script) - 1, MUTANTS);
}

/* What a program that says it speaks ActionLoop says. */
TEST_TIMEOUT(actionloop_rubbish, 600)
{
	static const char head[] = "#!/bin/sh\necho '{\"ok\":true}' >&3\nread a\ncat >&3 <<'X'\n";
	static char program[512];
	struct server server;
	struct mett_client *client = begin(&server, "");

	for (uint64_t number = 0; number < RUBBISH; number++) {
		uint64_t state = number;
		size_t size = sizeof(head) - 1, most = size + 1 + fuzz_below(&state, 100);

		memcpy(program, head, size);
		while (size < most)
			program[size++] = "{}[]\"\\:,01eE.-tnu \n\0\377"[fuzz_below(&state, 22)];
		memcpy(program + size, "\nX\n", 3);
		CHECK_EQ(offer(&server, client, &actionloop, program, size + 3), OFFER_FAILED);
	}
	end(&server, client);
}
