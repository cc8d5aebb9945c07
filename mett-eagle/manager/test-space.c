/* Spaces: sessions that share actions, and the archivist between them and the store. */
#include "space.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "archivist.h"
#include "pool.h"
#include "test-deploy.h"

static const struct mett_action_options plain;

static void expect_unused(struct stage *stage)
{
	struct mett_quota now = used(stage);

	CHECK(!now.memory && !now.concurrent);
}

TEST(a_deploy_is_answered_when_all_have_seen_it)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	stage_join(&guest, &host);
	order(&host, "f");
	stage_silent(&host);
	stage_turn(&guest);
	stage_turn(&host);
	expect_deployed(&host, 1);
	/* Who leaves need not see it. */
	order(&host, "f");
	stage_silent(&host);
	stage_leave(&guest);
	stage_turn(&host);
	expect_deployed(&host, 2);
	stage_close(&host);
}

TEST(the_next_call_gets_the_new_version_in_each_session)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	deploy(&host, "f", 1);
	stage_join(&guest, &host);
	serve(&guest, "f");
	unsigned running = fake_workers() - 1; /* parked; it is given the next call */
	stage_invoke(&guest, 1, "f", "");
	CHECK_EQ(fake_worker_awake(fake_worker(running)), 1);
	unsigned sandbox = fake_sandboxes();
	order(&host, "f");
	stage_turn(&guest);
	stage_turn(&host);
	expect_deployed(&host, 2);
	/* The one under way ends on the old, */
	stage_exit(&guest, running, "old");
	stage_expect(&guest, 1, METT_OK);
	/* and what comes now is made of the new. */
	stage_invoke(&guest, 2, "f", "");
	CHECK_EQ(fake_sandboxes(), sandbox + 1);
	stage_zygote(&guest, sandbox);
	for (unsigned i = running + 1; i < fake_workers(); i++)
		if (fake_worker(i))
			stage_parks(&guest, i);
	stage_bury(&guest);
	stage_leave(&guest);
	expect_unused(&host);
	stage_close(&host);
}

TEST(a_session_may_leave_while_the_archivist_works_for_it)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	stage_join(&guest, &host);
	guest.archivist_rests = true;
	order(&guest, "f");
	stage_leave(&guest);
	stage_turn(&host);
	serve(&host, "f");
	stage_close(&host);
}

TEST(users_take_turns)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	stage_join(&guest, &host);
	guest.session->user = 0;
	host.archivist_rests = guest.archivist_rests = true;
	order(&host, "a");
	order(&host, "b");
	order(&host, "c");
	order(&guest, "x");
	order(&guest, "y");
	const struct table *actions = &host.session->space->actions;
	static const char *const turns[] = {"a", "x", "b", "y", "c"};
	for (unsigned i = 0; i < 5; i++) {
		CHECK(!table_find(actions, turns[i]));
		CHECK(archivist_step(host.session->server));
		CHECK(table_find(actions, turns[i]));
	}
	do_all(&host, &guest);
	stage_leave(&guest);
	stage_close(&host);
}

TEST(a_call_waits_for_no_deploy)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", store());
	deploy(&host, "f", 1);
	stage_close(&host);
	stage_open_space(&host, "u1000", store());
	stage_join(&guest, &host);
	host.archivist_rests = guest.archivist_rests = true;
	order(&host, "g");
	order(&host, "h");
	unsigned sandbox = fake_sandboxes();
	stage_invoke(&guest, 0, "f", "");
	CHECK(archivist_step(host.session->server));
	CHECK_EQ(session_turn(guest.session), 0);
	CHECK_EQ(fake_sandboxes(), sandbox + 1);
	do_all(&host, &guest);
	stage_leave(&guest);
	stage_close(&host);
	fake_store_forget();
}

/* As a session has that is about to have it fetched. */
static struct version *take_cold(struct stage *stage, const char *name)
{
	const struct deployed *deployed = table_find(&stage->session->space->actions, name);
	struct version *version = version_ref(deployed_current(deployed));

	CHECK_EQ(version->program, SYS_NO_CAP);
	return version;
}

static void expect_program(struct stage *stage, struct version *version)
{
	CHECK(version->program != SYS_NO_CAP);
	version_unref(&stage->server, version);
}

TEST(what_a_call_has_come_for_is_not_lost)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	for (unsigned char i = 0; i < METT_VERSIONS_MAX; i++) {
		stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(i));
		expect_deployed(&stage, i + 1);
	}
	roll_back(&stage, "f", 1);
	expect_deployed(&stage, 1);
	deploy(&stage, "g", 1);
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	struct version *oldest = take_cold(&stage, "f");
	for (unsigned char i = 0; i < 2; i++) {
		stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(20 + i));
		expect_deployed(&stage, METT_VERSIONS_MAX + 1 + i);
	}
	expect_program(&stage, oldest);
	struct version *deleted = take_cold(&stage, "g");
	stage_delete(&stage, "g");
	expect_program(&stage, deleted);
	CHECK_EQ(fake_store_count(1), METT_VERSIONS_MAX);
	stage_close(&stage);
	fake_store_forget();
}

TEST(programs_on_their_way_keep_nobody_from_deploying)
{
	struct stage stage;
	char name[16];

	stage_open_space(&stage, "u1000", store());
	for (uint32_t i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		deploy(&stage, name, 1);
	}
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	stage.archivist_rests = true;
	for (uint32_t i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		stage_invoke(&stage, i, name, "");
	}
	order(&stage, "f");
	stage_silent(&stage);
	stage.archivist_rests = false;
	stage_turn(&stage);
	expect_deployed(&stage, 1);
	CHECK_EQ(stage.session->job_count, 0);
	stage_close(&stage);
	fake_store_forget();
}

TEST(two_deploy_the_same_name_at_the_same_time)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	stage_join(&guest, &host);
	host.archivist_rests = guest.archivist_rests = true;
	order(&guest, "f");
	order(&host, "f");
	host.archivist_rests = false;
	stage_turn(&host);
	stage_turn(&guest);
	stage_turn(&host);
	expect_deployed(&guest, 1);
	expect_deployed(&host, 2);
	stage_leave(&guest);
	stage_close(&host);
}

TEST(a_program_is_in_memory_once)
{
	struct stage stage;
	char name[16];

	stage_open_space(&stage, "u1000", store());
	for (int again = 0; again < 2; again++)
		for (int i = 0; i < 20; i++) {
			snprintf(name, sizeof(name), "a%d", i);
			deploy(&stage, name, 1 + again);
		}
	CHECK_EQ(cap_used(stage.server.caps), 1);
	serve(&stage, "a7");
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	serve(&stage, "a3");
	serve(&stage, "a5");
	const struct table *actions = &stage.session->space->actions;
	CHECK_EQ(deployed_current(table_find(actions, "a3"))->program,
	         deployed_current(table_find(actions, "a5"))->program);
	stage_close(&stage);
	fake_store_forget();
}

TEST(old_versions_are_in_the_store_alone)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	for (unsigned char i = 0; i < METT_VERSIONS_MAX; i++) {
		stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(i));
		expect_deployed(&stage, i + 1);
		CHECK(cap_used(stage.server.caps) <= 2);
	}
	serve(&stage, "f");
	roll_back(&stage, "f", 1);
	expect_deployed(&stage, 1);
	serve(&stage, "f");
	roll_back(&stage, "f", 5);
	expect_deployed(&stage, 5);
	stage_bury(&stage);
	roll_back(&stage, "f", 6);
	expect_deployed(&stage, 6);
	CHECK(cap_used(stage.server.caps) <= 2);
	serve(&stage, "f");
	stage_close(&stage);
	fake_store_forget();
}

TEST(what_cannot_be_kept_changes_nothing)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	uint64_t code = used(&stage).code;
	fake_store_fails(-ENOSPC);
	stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(1));
	expect_refused(&stage, METT_NO_STATE, "No space left");
	order(&stage, "g");
	expect_refused(&stage, METT_NO_STATE, "action 'g'");
	roll_back(&stage, "f", 1);
	expect_refused(&stage, METT_NO_STATE, "cannot keep the change");
	fake_store_fails(0);
	CHECK_EQ(used(&stage).code, code);
	CHECK_EQ(used(&stage).actions, 1);
	CHECK_EQ(fake_store_count(1), 1);
	deploy(&stage, "f", 2);
	serve(&stage, "f");
	stage_close(&stage);
	fake_store_forget();
}

TEST(a_server_knows_again_what_another_kept)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(1));
	expect_deployed(&stage, 2);
	CHECK_EQ(fake_store_count(1), 2);
	struct mett_quota before = used(&stage);
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	CHECK_EQ(used(&stage).code, before.code);
	CHECK_EQ(used(&stage).actions, 1);
	serve(&stage, "f"); /* its program comes from the store first */
	roll_back(&stage, "f", 0);
	expect_deployed(&stage, 1);
	serve(&stage, "f");
	stage_delete(&stage, "f");
	CHECK_EQ(fake_store_count(0), 0);
	CHECK_EQ(fake_store_count(1), 0);
	CHECK_EQ(used(&stage).code, 0);
	stage_close(&stage);
	fake_store_forget();
}

TEST(a_damaged_record_costs_no_program)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	stage_order(&stage, MESSAGE_DEPLOY, "g", &plain, other_program(1));
	expect_deployed(&stage, 1);
	fake_store_damage("u1000", "g");
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	CHECK_EQ(fake_store_aside(), 1);
	CHECK_EQ(used(&stage).actions, 1);
	CHECK_EQ(fake_store_count(1), 2); /* who mends the record finds it */
	serve(&stage, "f");
	stage_close(&stage);
	fake_store_forget();
}

TEST(what_may_have_been_kept_is_whole)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	fake_store_doubts();
	stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(1));
	expect_refused(&stage, METT_NO_STATE, "cannot keep the change");
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	serve(&stage, "f");
	deploy(&stage, "f", 3);
	stage_close(&stage);
	fake_store_forget();
}

static void damage_programs(struct stage *stage)
{
	const struct deployed *deployed = table_find(&stage->session->space->actions, "f");

	for (unsigned i = 0; i < deployed->lineup.count; i++)
		fake_store_damage_code(deployed->lineup.versions[i]->digest);
}

TEST(a_damaged_program_costs_its_own_calls_only)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	stage_order(&stage, MESSAGE_DEPLOY, "g", &plain, other_program(1));
	expect_deployed(&stage, 1);
	damage_programs(&stage);
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	for (uint32_t i = 0; i < 3; i++) {
		stage_invoke(&stage, i, "f", "");
		stage_expect_text(&stage, i, METT_NO_STATE, "the program of version 1 was damaged");
	}
	serve(&stage, "g");
	order(&stage, "f");
	expect_deployed(&stage, 2);
	serve(&stage, "f");
	roll_back(&stage, "f", 1); /* the same program: it is there again */
	expect_deployed(&stage, 1);
	expect_unused(&stage);
	stage_close(&stage);
	fake_store_forget();
}

TEST(what_is_damaged_on_disk_is_mended_from_memory)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(1));
	expect_deployed(&stage, 2);
	damage_programs(&stage);
	roll_back(&stage, "f", 1);
	expect_deployed(&stage, 1);
	CHECK_EQ(fake_store_aside(), 1);
	stage_close(&stage);
	stage_open_space(&stage, "u1000", store());
	serve(&stage, "f");
	roll_back(&stage, "f", 2);
	expect_refused(&stage, METT_NO_STATE, "version 2 was damaged");
	stage_invoke(&stage, 1, "f", "");
	stage_exit(&stage, fake_workers() - 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
	fake_store_forget();
}

TEST(what_is_over_the_quota_is_not_written)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", store());
	deploy(&stage, "f", 1);
	quota_set(&stage.session->space->quota, &(struct mett_quota){.code = used(&stage).code});
	deploy(&stage, "g", 1); /* it is there */
	deploy(&stage, "f", 2);
	fake_store_fails(-ENOSPC);
	stage_order(&stage, MESSAGE_DEPLOY, "f", &plain, other_program(1));
	expect_refused(&stage, METT_QUOTA, " of code");
	fake_store_fails(0);
	stage_order(&stage, MESSAGE_DEPLOY, "h", &plain, other_program(1));
	expect_refused(&stage, METT_QUOTA, " of code");
	CHECK_EQ(fake_store_count(1), 1);
	CHECK_EQ(used(&stage).actions, 2);
	stage_close(&stage);
	fake_store_forget();
}

TEST(limits_are_held_and_given_back)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", NULL);
	deploy(&stage, "f", 1);
	quota_set(&stage.session->space->quota, &(struct mett_quota){.concurrent = 2});
	for (uint32_t i = 0; i < 3; i++)
		stage_invoke_timed(&stage, i, "f", 100);
	stage_expect_text(&stage, 2, METT_QUOTA, "as many as its quota allows");
	CHECK_EQ(used(&stage).concurrent, 2);
	stage_wait(&stage, 100);
	stage_expect(&stage, 0, METT_TIMED_OUT);
	stage_expect(&stage, 1, METT_TIMED_OUT);
	expect_unused(&stage);
	/* Those that wait for a zygote that fails. */
	stage_invoke(&stage, 3, "f", "");
	fake_sandbox_fails(fake_sandbox(0), "for a test");
	stage_turn(&stage);
	stage_expect(&stage, 3, METT_NO_START);
	expect_unused(&stage);
	quota_set(&stage.session->space->quota, &(struct mett_quota){.memory = 1 << 20});
	stage_invoke(&stage, 4, "f", "");
	stage_expect_text(&stage, 4, METT_QUOTA, "has no memory limit");
	order(&stage, "g");
	expect_refused(&stage, METT_QUOTA, "give the action a memory limit");
	quota_set(&stage.session->space->quota, &(struct mett_quota){.rate = 1});
	stage_invoke(&stage, 5, "f", "");
	stage_invoke(&stage, 6, "f", "");
	stage_expect_text(&stage, 6, METT_QUOTA, "1 activations a second");
	CHECK_EQ(used(&stage).concurrent, 1);
	stage_close(&stage);
}

TEST(no_limit_is_too_large_to_be_counted)
{
	const struct mett_action_options vast = {.defaults = {.memory_limit = UINT64_MAX}};
	struct stage stage;
	uint64_t before = 0;

	stage_open_space(&stage, "u1000", NULL);
	stage_order(&stage, MESSAGE_DEPLOY, "f", &vast, stage_program());
	expect_deployed(&stage, 1);
	for (uint32_t i = 0; i < METT_IN_FLIGHT_MAX; i++) {
		stage_invoke(&stage, i, "f", "");
		CHECK(used(&stage).memory > before);
		before = used(&stage).memory;
	}
	stage_close(&stage);
}

TEST(an_action_is_held_to_its_own_concurrency)
{
	const struct mett_action_options one = {.concurrency = 1};

	for (int named = 0; named < 2; named++) {
		struct stage stage;

		stage_open_space(&stage, named ? "u1000" : NULL, NULL);
		stage_order(&stage, MESSAGE_DEPLOY, "f", &one, stage_program());
		expect_deployed(&stage, 1);
		stage_invoke_timed(&stage, 0, "f", 100);
		stage_invoke(&stage, 1, "f", "");
		stage_expect_text(&stage, 1, METT_QUOTA, "run 1 at a time");
		stage_wait(&stage, 100);
		stage_expect(&stage, 0, METT_TIMED_OUT);
		stage_invoke_timed(&stage, 2, "f", 100);
		stage_silent(&stage);
		stage_close(&stage);
		fake_forget();
	}
}

TEST(workers_wait_within_the_quota)
{
	struct stage stage;

	stage_open_space(&stage, "u1000", NULL);
	deploy(&stage, "f", 1);
	serve(&stage, "f");
	CHECK_EQ(used(&stage).parked, 1);
	quota_set(&stage.session->space->quota, &(struct mett_quota){.parked = 1});
	deploy(&stage, "g", 1);
	unsigned sandbox = fake_sandboxes(), worker = fake_workers();
	stage_invoke(&stage, 0, "g", "");
	stage_zygote(&stage, sandbox);
	CHECK_EQ(fake_workers(), worker + 1); /* none ahead of need */
	stage_parks(&stage, worker);
	stage_exit(&stage, worker, "");
	stage_expect(&stage, 0, METT_OK);
	CHECK_EQ(fake_workers(), worker + 1);
	CHECK_EQ(used(&stage).parked, 1);
	stage_delete(&stage, "f");
	CHECK_EQ(used(&stage).parked, 0);
	stage_close(&stage);
}

TEST(the_most_memory_of_a_worker_is_kept)
{
	const uint64_t used[] = {4711, 100, 4712};
	const struct deployed *deployed;
	struct stage stage;

	stage_open_space(&stage, "u1000", NULL);
	deploy(&stage, "f", 1);
	serve(&stage, "f");
	deployed = namespace_find(&stage.session->namespace, "f")->pool->deployed;
	CHECK_EQ(atomic_load(&deployed->tally.memory), 0);
	for (unsigned i = 0; i < 3; i++) {
		unsigned worker = fake_workers() - 1;

		stage_invoke(&stage, i, "f", "");
		fake_worker_used(fake_worker(worker), used[i]);
		stage_ends(&stage, worker, 0, 1);
		stage_expect(&stage, i, METT_EXITED);
		stage_parks(&stage, fake_workers() - 1);
		CHECK_EQ(atomic_load(&deployed->tally.memory), i < 2 ? 4711 : 4712);
	}
	stage_close(&stage);
}

/* One calls another, and would do so without us; returns how many workers come of that. */
static unsigned workers_for_a_caller(uint64_t parked)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 7},
	                                 .flags = INVOKE_WANTS_LANES};
	struct stage stage;
	struct heard heard;

	stage_open_space(&stage, "u1000", NULL);
	deploy(&stage, "a", 1);
	deploy(&stage, "b", 1);
	serve(&stage, "b");
	quota_set(&stage.session->space->quota, &(struct mett_quota){.parked = parked});
	unsigned served = fake_workers() - 1;
	serve(&stage, "a");
	unsigned before = fake_workers(), caller = before - 1;
	stage_invoke(&stage, 1, "a", "");
	message_name_set(&message.name, "b");
	CHECK_EQ(fake_worker_says(fake_worker(caller), &message, sizeof(message), NULL, 0), 0);
	stage_turn(&stage);
	stage_exit(&stage, served, "");
	stage_hears(&stage, caller, MESSAGE_DONE, &heard);
	stage_exit(&stage, caller, "");
	stage_expect(&stage, 1, METT_OK);
	unsigned ret = fake_workers() - before;
	stage_bury(&stage);
	stage_close(&stage);
	fake_forget();
	return ret;
}

TEST(none_waits_for_a_caller_where_that_is_limited)
{
	unsigned with = workers_for_a_caller(1000), without = workers_for_a_caller(0);

	/* The same, but for the one that is there for the caller alone. */
	CHECK_EQ(with + 1, without);
}
