/* What an action's program is started with: taken, refused, and handed on. */
#include "test-stage.h"

#include <stdio.h>
#include <string.h>

struct create {
	struct message_create fixed;
	char environment[METT_ENVIRONMENT_MAX + 1];
};

static enum mett_reason create(struct stage *stage, enum message_type type, enum mett_policy policy,
                               const void *environment, size_t size)
{
	static struct create message;
	struct heard heard;

	message = (struct create){.fixed = {.header = {type, 77}, .policy = policy}};
	message_name_set(&message.fixed.name, "f");
	memcpy(message.environment, environment, size);
	stage_send(stage, &message, sizeof(message.fixed) + size, stage_program());
	if (!stage_hear(stage, &heard))
		return METT_GONE;
	CHECK_EQ(heard.header.type, MESSAGE_STATUS);
	return heard.status.reason;
}

/* The bytes of a literal, whose own zero is the last string's. */
#define CREATE(type_, policy_, text_) create(&stage, type_, policy_, text_, sizeof(text_))

static void expect_sandbox(unsigned number, const char *text, size_t size)
{
	size_t there;
	const char *environment = fake_sandbox_environment(fake_sandbox(number), &there);

	CHECK_EQ(there, size);
	CHECK_EQ(memcmp(environment, text, size), 0);
}

TEST(a_zygote_is_started_with_it)
{
	static const char first[] = "A=1\0B=", second[] = "A=2";
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, first), METT_OK);
	stage_invoke(&stage, 1, "f", "");
	expect_sandbox(0, first, sizeof(first));
	/* It fails, and another follows it. */
	fake_sandbox_fails(fake_sandbox(0), "for a test");
	stage_turn(&stage);
	stage_expect(&stage, 1, METT_NO_START);
	stage_invoke(&stage, 2, "f", "");
	expect_sandbox(1, first, sizeof(first));
	stage_zygote(&stage, 1);
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 2, METT_OK);
	/* One that was up and is gone is followed by one of the same. */
	fake_sandbox_fails(fake_sandbox(1), "for a test");
	stage_turn(&stage);
	stage_invoke(&stage, 3, "f", "");
	expect_sandbox(2, first, sizeof(first));
	CHECK_EQ(CREATE(MESSAGE_UPDATE, METT_POLICY_FORK, second), METT_OK);
	stage_invoke(&stage, 4, "f", "");
	expect_sandbox(3, second, sizeof(second));
	CHECK_EQ(stage_create(&stage, MESSAGE_UPDATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 5, "f", "");
	expect_sandbox(4, "", 0);
	stage_close(&stage);
}

TEST(a_spawned_worker_is_started_with_it)
{
	static const char text[] = "KEY=value";
	struct stage stage;
	size_t size;

	stage_open(&stage, 0);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_SPAWN, text), METT_OK);
	stage_invoke(&stage, 1, "f", "");
	const char *environment = fake_worker_environment(fake_worker(0), &size);
	CHECK_EQ(size, sizeof(text));
	CHECK_STR(environment, text);
	stage_close(&stage);
}

TEST(what_is_none_is_refused)
{
	static char large[METT_ENVIRONMENT_MAX];
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, ""), METT_BAD_ARGUMENT);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, "A"), METT_BAD_ARGUMENT);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, "=1"), METT_BAD_ARGUMENT);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, "1=1"), METT_BAD_ARGUMENT);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, "A\n=1"), METT_BAD_ARGUMENT);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, "A=1\0"), METT_BAD_ARGUMENT);
	CHECK_EQ(CREATE(MESSAGE_CREATE, METT_POLICY_FORK, "A=1\0B=2\0A=3"), METT_BAD_ARGUMENT);
	CHECK_EQ(create(&stage, MESSAGE_CREATE, METT_POLICY_FORK, "A=1", 3), METT_BAD_ARGUMENT);
	memset(large, 'x', sizeof(large));
	memcpy(large, "A=", 2);
	CHECK_EQ(create(&stage, MESSAGE_CREATE, METT_POLICY_FORK, large, sizeof(large)),
	         METT_BAD_ARGUMENT);
	large[sizeof(large) - 1] = 0;
	CHECK_EQ(create(&stage, MESSAGE_CREATE, METT_POLICY_FORK, large, sizeof(large)), METT_OK);
	stage_close(&stage);
}
