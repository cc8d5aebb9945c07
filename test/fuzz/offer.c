#include "offer.h"

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum offer offer(const struct server *server, struct mett_client *client,
                 const struct offer_kind *kind, const void *data, size_t size)
{
	const struct mett_config config = {.memory_limit = 64 * MIB, .timeout_us = 200 * MS_US};
	const char *path = make_file(server, "program", data, size);
	struct mett_error error;
	int failure = mett_action_create_path(client, "fuzz", path, &kind->options, &error);

	CHECK_EQ(unlink(path), 0);
	if (failure) {
		CHECK_EQ(error.reason, METT_BAD_PROGRAM);
		CHECK(*error.message);
		return OFFER_REFUSED;
	}
	failure = mett_action_invoke(client, "fuzz", kind->argument, strlen(kind->argument),
	                             &config, NULL);
	CHECK(failure == 0 || failure == -EFAULT);
	CHECK_EQ(mett_action_delete(client, "fuzz", NULL), 0);
	return failure ? OFFER_FAILED : OFFER_ANSWERED;
}

void offer_mutants(const char *server_options, const struct offer_kind *kind, const void *seed,
                   size_t size, unsigned count)
{
	unsigned outcomes[OFFER_COUNT] = {0};
	unsigned char *mutant = malloc(size);
	struct bystander bystander;

	CHECK(mutant);
	bystander_begin(&bystander, server_options, METT_POLICY_FORK);
	struct mett_client *client = join(&bystander.server);
	CHECK_EQ(offer(&bystander.server, client, kind, seed, size), OFFER_ANSWERED);
	for (uint64_t number = 0; number < count; number++) {
		uint64_t state = number;
		size_t head = number % 2 || !kind->head || size < kind->head ? size : kind->head;
		size_t cut = fuzz_below(&state, 8) ? size : 1 + fuzz_below(&state, (unsigned)size);

		memcpy(mutant, seed, size);
		fuzz_mutate(&state, mutant, head);
		outcomes[offer(&bystander.server, client, kind, mutant, cut)]++;
		bystander_served(&bystander);
	}
	printf("of %u mutants %u were refused, %u failed, %u answered\n", count,
	       outcomes[OFFER_REFUSED], outcomes[OFFER_FAILED], outcomes[OFFER_ANSWERED]);
	CHECK(outcomes[OFFER_REFUSED] && outcomes[OFFER_REFUSED] < count);
	mett_client_free(client);
	bystander_end(&bystander);
	free(mutant);
}
