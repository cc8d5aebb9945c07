/* Creations: what a runtime runs becomes an action when its zygote has come up. */
#include "creation.h"

#include <stdio.h>
#include <string.h>

#include "test-stage.h"

/* The client asks for an action in Python, and the session takes the request. */
static void ask(struct stage *stage, enum message_type type, const char *name,
                enum mett_policy policy)
{
	struct message_create message = {
		.header = {type, 5},
		.language = METT_LANGUAGE_PYTHON,
		.policy = policy,
	};

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), fake_dataspace("def main", 8));
}

/* The same in a language of programs that cannot be forked, with what is granted. */
static void ask_exec(struct stage *stage, enum mett_language language, enum mett_policy policy,
                     uint32_t grants)
{
	struct message_create message = {
		.header = {MESSAGE_CREATE, 5},
		.language = language,
		.policy = policy,
		.grants = grants,
	};

	message_name_set(&message.name, "f");
	stage_send(stage, &message, sizeof(message),
	           language ? fake_dataspace("#!/bin/sh", 9) : stage_program());
}

static void hear(struct stage *stage, enum mett_reason reason, const char *text)
{
	char copy[METT_MESSAGE_MAX] = "";
	struct heard heard;

	CHECK(stage_hear(stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_STATUS);
	CHECK_EQ(heard.header.tag, 5);
	CHECK_STR(mett_reason_name(heard.status.reason), mett_reason_name(reason));
	memcpy(copy, &heard.status + 1, heard.got.size - sizeof(heard.status));
	if (!strstr(copy, text))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", copy, text);
}

static void fails(struct stage *stage, unsigned sandbox, const char *why)
{
	fake_sandbox_fails(fake_sandbox(sandbox), why);
	stage_turn(stage);
}

TEST(is_there_when_its_zygote_is_up)
{
	struct stage stage;

	stage_open(&stage, 2);
	ask(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK);
	stage_silent(&stage);
	CHECK_EQ(fake_sandboxes(), 1);
	stage_invoke(&stage, 1, "f", "");
	stage_expect(&stage, 1, METT_NO_ACTION);
	stage_zygote(&stage, 0);
	hear(&stage, METT_OK, "");
	/* Nobody has called it yet. */
	CHECK_EQ(fake_workers(), 0);
	stage_invoke(&stage, 2, "f", "");
	CHECK_EQ(fake_sandboxes(), 1);
	CHECK_EQ(fake_workers(), 3);
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 2, METT_OK);
	stage_close(&stage);
}

TEST(is_refused_with_what_its_zygote_says)
{
	struct stage stage;

	stage_open(&stage, 2);
	ask(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK);
	fails(&stage, 0, "line 1: no");
	hear(&stage, METT_BAD_PROGRAM, "action 'f' cannot be served: line 1: no");
	stage_invoke(&stage, 1, "f", "");
	stage_expect(&stage, 1, METT_NO_ACTION);
	CHECK(!fake_sandbox(0));
	ask(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK);
	stage_zygote(&stage, 1);
	hear(&stage, METT_OK, "");
	stage_close(&stage);
}

TEST(is_refused_when_it_takes_too_long)
{
	struct stage stage;

	stage_open(&stage, 2);
	ask(&stage, MESSAGE_CREATE, "f", METT_POLICY_REUSE);
	stage_wait(&stage, METT_START_TIMEOUT_MS - 1);
	stage_silent(&stage);
	stage_wait(&stage, 1);
	hear(&stage, METT_BAD_PROGRAM, "not ready within 10 s");
	CHECK(!fake_sandbox(0));
	stage_close(&stage);
}

static void is_never_forked(enum mett_language language, enum mett_policy policy, unsigned ahead)
{
	struct stage stage;

	stage_open(&stage, 2);
	ask_exec(&stage, language, policy, METT_GRANT_SYSTEM);
	stage_zygote(&stage, 0);
	hear(&stage, METT_OK, "");
	/* It has shown that it can be served, and would only take room. */
	CHECK(!fake_sandbox(0));
	stage_invoke(&stage, 1, "f", "");
	CHECK_EQ(fake_sandboxes(), 1);
	CHECK_EQ(fake_workers(), 1 + ahead);
	CHECK(fake_worker_spawned(fake_worker(0)));
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	/* Under `reuse` alone it serves again. */
	stage_bury(&stage);
	CHECK_EQ(!fake_worker(0), policy != METT_POLICY_REUSE);
	stage_close(&stage);
	fake_forget();
}

TEST(programs_are_spawned_where_others_fork)
{
	is_never_forked(METT_LANGUAGE_EXEC, METT_POLICY_DEFAULT, 2);
	is_never_forked(METT_LANGUAGE_EXEC, METT_POLICY_FORK, 2);
	is_never_forked(METT_LANGUAGE_ACTIONLOOP, METT_POLICY_SPAWN, 2);
}

TEST(programs_are_spawned_to_be_reused)
{
	is_never_forked(METT_LANGUAGE_EXEC, METT_POLICY_REUSE, 0);
	is_never_forked(METT_LANGUAGE_ACTIONLOOP, METT_POLICY_REUSE, 0);
}

TEST(grants_are_looked_at)
{
	struct stage stage;

	stage_open(&stage, 0);
	ask_exec(&stage, METT_LANGUAGE_EXEC, METT_POLICY_FORK, METT_GRANT_ALL + 1);
	hear(&stage, METT_BAD_ARGUMENT, "there is no grant 0x2");
	CHECK_EQ(fake_sandboxes(), 0);
	/* Whether libraries are there the server cannot say. */
	ask_exec(&stage, METT_LANGUAGE_BINARY, METT_POLICY_FORK, METT_GRANT_SYSTEM);
	stage_silent(&stage);
	fails(&stage, 0, "no library");
	hear(&stage, METT_BAD_PROGRAM, "no library");
	stage_close(&stage);
}

TEST(an_update_that_fails_changes_nothing)
{
	struct stage stage;

	stage_open(&stage, 0);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	unsigned sandbox = fake_sandboxes(), worker = fake_workers();
	ask(&stage, MESSAGE_UPDATE, "f", METT_POLICY_FORK);
	stage_invoke(&stage, 1, "f", "");
	stage_parks(&stage, worker);
	fails(&stage, sandbox, "no");
	hear(&stage, METT_BAD_PROGRAM, "no");
	stage_exit(&stage, worker, "");
	stage_expect(&stage, 1, METT_OK);
	/* One that succeeds does, from then on. */
	ask(&stage, MESSAGE_UPDATE, "f", METT_POLICY_FORK);
	stage_zygote(&stage, sandbox + 1);
	hear(&stage, METT_OK, "");
	stage_invoke(&stage, 2, "f", "");
	stage_parks(&stage, worker + 1);
	stage_exit(&stage, worker + 1, "");
	stage_expect(&stage, 2, METT_OK);
	CHECK(!fake_sandbox(0));
	stage_close(&stage);
}

TEST(spawn_needs_the_zygote_only_to_see)
{
	struct stage stage;

	stage_open(&stage, 0);
	ask(&stage, MESSAGE_CREATE, "f", METT_POLICY_SPAWN);
	stage_zygote(&stage, 0);
	hear(&stage, METT_OK, "");
	CHECK(!fake_sandbox(0));
	stage_invoke(&stage, 1, "f", "");
	CHECK(fake_worker_spawned(fake_worker(0)));
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(one_at_a_time_of_a_name_and_so_many_in_all)
{
	struct stage stage;
	char name[8];

	stage_open(&stage, 0);
	fake_room(2 * METT_IN_FLIGHT_MAX);
	ask(&stage, MESSAGE_CREATE, "0", METT_POLICY_FORK);
	ask(&stage, MESSAGE_CREATE, "0", METT_POLICY_FORK);
	hear(&stage, METT_BUSY, "'0' is being created");
	ask(&stage, MESSAGE_UPDATE, "0", METT_POLICY_FORK);
	hear(&stage, METT_NO_ACTION, "'0'");
	for (int i = 1; i < METT_IN_FLIGHT_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ask(&stage, MESSAGE_CREATE, name, METT_POLICY_FORK);
		stage_silent(&stage);
	}
	ask(&stage, MESSAGE_CREATE, "more", METT_POLICY_FORK);
	hear(&stage, METT_BUSY, "64 others are being created");
	stage_zygote(&stage, 7);
	hear(&stage, METT_OK, "");
	ask(&stage, MESSAGE_CREATE, "more", METT_POLICY_FORK);
	stage_silent(&stage);
	/* The client leaves with all of them on their way. */
	stage_close(&stage);
}

TEST(memory_runs_out_at_every_place)
{
	bool failed = true;

	for (unsigned after = 0; failed; after++) {
		struct stage stage;
		struct heard heard;

		stage_open(&stage, 0);
		fake_fail(after);
		ask(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK);
		if (fake_sandboxes() && fake_sandbox(0))
			stage_zygote(&stage, 0);
		/* One answer, or the client is let go. */
		if (stage_hear(&stage, &heard))
			CHECK(heard.status.reason == METT_OK ||
			      heard.status.reason == METT_NO_MEMORY ||
			      heard.status.reason == METT_BAD_DATASPACE);
		else
			CHECK(stage.session->closed);
		stage_silent(&stage);
		failed = fake_failed();
		stage_close(&stage);
		fake_forget();
		CHECK(after < 1000);
	}
}
