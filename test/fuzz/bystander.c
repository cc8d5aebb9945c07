#include "bystander.h"

void bystander_begin(struct bystander *ret, const char *options, enum mett_policy policy)
{
	ret->client = begin(&ret->server, options);
	deploy(ret->client, "echo", &(struct mett_action_options){.policy = policy});
	EXPECT_ANSWER(ret->client, "echo", "hello", "hello");
	ret->before = server_steady(&ret->server);
	ret->memory = server_memory(&ret->server);
}

void bystander_served(const struct bystander *bystander)
{
	EXPECT_ANSWER(bystander->client, "echo", "still here", "still here");
	/* A sanitizer keeps memory that was freed. */
	CHECK(SANITIZED ||
	      server_memory(&bystander->server) < bystander->memory + BYSTANDER_GROWTH_KIB);
}

void bystander_end(struct bystander *bystander)
{
	bystander_served(bystander);
	server_expect_usage(&bystander->server, bystander->before);
	end(&bystander->server, bystander->client);
}
