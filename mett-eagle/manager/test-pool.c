/* Pools: who makes workers when, and who gets which. */
#include "pool.h"

#include "test-stage.h"

TEST(a_cold_start_makes_zygote_then_worker)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_DEFAULT), METT_OK);
	CHECK_EQ(fake_sandboxes(), 0); /* nothing is made before it is needed */
	stage_invoke(&stage, 1, "f", "hi");
	CHECK_EQ(fake_sandboxes(), 1);
	CHECK_EQ(fake_sandbox_core(fake_sandbox(0)), 5);
	CHECK_EQ(fake_workers(), 0);
	stage_zygote(&stage, 0);
	CHECK_EQ(fake_workers(), 1);
	CHECK_EQ(fake_worker_awake(fake_worker(0)), 0);
	stage_parks(&stage, 0);
	CHECK_EQ(fake_worker_awake(fake_worker(0)), 1);
	stage_exit(&stage, 0, "ho");
	stage_expect(&stage, 1, METT_OK);
	CHECK(!fake_worker(0));
	CHECK_EQ(fake_workers(), 1); /* none ahead was asked for */
	stage_close(&stage);
}

TEST(workers_are_parked_ahead_and_replaced)
{
	struct stage stage;

	stage_open(&stage, 2);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	CHECK_EQ(fake_workers(), 3);
	stage_invoke(&stage, 1, "f", "");
	/* Last in, first out: its memory is warm. */
	CHECK_EQ(fake_worker_awake(fake_worker(2)), 1);
	CHECK_EQ(fake_worker_awake(fake_worker(1)), 0);
	stage_exit(&stage, 2, "");
	stage_expect(&stage, 1, METT_OK);
	CHECK_EQ(fake_workers(), 4);
	CHECK_EQ(fake_sandboxes(), 1);
	stage_close(&stage);
}

TEST(those_who_wait_are_served_in_order)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	for (uint32_t tag = 0; tag < 5; tag++)
		stage_invoke(&stage, tag, "f", "");
	stage_zygote(&stage, 0);
	for (unsigned i = 0; i < 5; i++)
		stage_parks(&stage, i);
	for (unsigned i = 0; i < 5; i++)
		stage_exit(&stage, i, "");
	CHECK_EQ(fake_workers(), 5);
	for (uint32_t tag = 0; tag < 5; tag++)
		stage_expect(&stage, tag, METT_OK);
	stage_close(&stage);
}

TEST(spawn_needs_no_zygote)
{
	struct stage stage;

	stage_open(&stage, 1);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_SPAWN), METT_OK);
	stage_invoke(&stage, 1, "f", "");
	CHECK_EQ(fake_sandboxes(), 0);
	CHECK_EQ(fake_workers(), 2);
	CHECK(fake_worker_spawned(fake_worker(0)));
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(reuse_serves_on_with_the_same_worker)
{
	struct stage stage;

	stage_open(&stage, 2);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_REUSE), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_invoke(&stage, 1, "f", "");
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	CHECK_EQ(sys_worker_window(fake_worker(0))->keep, 1);
	stage_exit(&stage, 0, ""); /* serves the second at once */
	stage_expect(&stage, 0, METT_OK);
	CHECK_EQ(fake_worker_awake(fake_worker(0)), 2);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	stage_parks(&stage, 1);
	CHECK_EQ(fake_worker_killed(fake_worker(0)), 0);
	stage_invoke(&stage, 2, "f", "");
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 2, METT_OK);
	CHECK_EQ(fake_workers(), 2);
	stage_close(&stage);
}

TEST(reuse_ends_who_was_idle_for_long)
{
	struct stage stage;

	stage_open(&stage, 2);
	stage_ready(&stage, "f", METT_POLICY_REUSE);
	CHECK_EQ(fake_workers(), 1);
	stage_wait(&stage, METT_REUSE_IDLE_MS - 1);
	CHECK_EQ(fake_worker_killed(fake_worker(0)), 0);
	stage_invoke(&stage, 1, "f", ""); /* which begins the time anew */
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	stage_wait(&stage, METT_REUSE_IDLE_MS - 1);
	CHECK_EQ(fake_worker_killed(fake_worker(0)), 0);
	stage_wait(&stage, 2);
	CHECK_EQ(fake_worker_killed(fake_worker(0)), 1);
	stage_invoke(&stage, 2, "f", "");
	CHECK_EQ(fake_workers(), 2);
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 2, METT_OK);
	stage_close(&stage);
}

TEST(reuse_ends_who_failed)
{
	struct stage stage;

	stage_open(&stage, 0);
	stage_ready(&stage, "f", METT_POLICY_REUSE);
	stage_invoke_timed(&stage, 1, "f", 10);
	stage_wait(&stage, 20);
	stage_expect(&stage, 1, METT_TIMED_OUT);
	CHECK_EQ(fake_worker_killed(fake_worker(0)) > 0, 1);
	stage_invoke(&stage, 2, "f", "");
	CHECK_EQ(fake_workers(), 2);
	stage_ends(&stage, 0, 9, 0);
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 2, METT_OK);
	stage_close(&stage);
}

TEST(reuse_who_answers_and_dies_takes_nobody_along)
{
	struct stage stage;
	struct message_exit message = {.header.type = MESSAGE_EXIT};

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_REUSE), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	stage_invoke(&stage, 1, "f", "");
	fake_worker_says(fake_worker(0), &message, sizeof(message), NULL, 0);
	stage_ends(&stage, 0, 11, 0);
	stage_expect(&stage, 0, METT_OK);
	stage_silent(&stage);
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(a_parked_worker_that_dies_is_replaced_when_needed)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	CHECK_EQ(fake_workers(), 2);
	stage_ends(&stage, 1, 11, 0);
	CHECK(!fake_worker(1));
	stage_silent(&stage);
	stage_invoke(&stage, 1, "f", "");
	CHECK(fake_workers() > 2);
	stage_parks(&stage, 2);
	stage_exit(&stage, 2, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(a_parked_worker_that_speaks_or_hangs_up_serves_nobody)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT};
	struct stage stage;

	stage_open(&stage, 2);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	fake_worker_says(fake_worker(2), &message, sizeof(message), NULL, 0);
	fake_worker_hangs_up(fake_worker(1));
	stage_turn(&stage);
	CHECK(fake_worker_killed(fake_worker(1)));
	CHECK(fake_worker_killed(fake_worker(2)));
	/* Their ends take time, and somebody invokes. */
	stage_invoke(&stage, 1, "f", "");
	CHECK_EQ(fake_worker_awake(fake_worker(1)) + fake_worker_awake(fake_worker(2)), 0);
	unsigned fresh = fake_workers() - 1;
	stage_parks(&stage, fresh);
	stage_exit(&stage, fresh, "");
	stage_expect(&stage, 1, METT_OK);
	stage_bury(&stage);
	stage_close(&stage);
}

TEST(a_zygote_that_fails_is_reported_and_tried_again)
{
	struct stage stage;

	stage_open(&stage, 1);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_invoke(&stage, 1, "f", "");
	fake_sandbox_fails(fake_sandbox(0), "its init hook said no");
	stage_turn(&stage);
	stage_expect_text(&stage, 0, METT_NO_START, "its init hook said no");
	stage_expect(&stage, 1, METT_NO_START);
	CHECK_EQ(fake_sandboxes(), 1); /* not again until somebody asks */
	CHECK(!fake_sandbox(0));
	stage_invoke(&stage, 2, "f", "");
	stage_zygote(&stage, 1);
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 2, METT_OK);
	stage_close(&stage);
}

TEST(a_zygote_that_is_late_is_ended)
{
	struct stage stage;

	stage_open(&stage, 1);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_wait(&stage, METT_START_TIMEOUT_MS - 1);
	stage_silent(&stage);
	stage_wait(&stage, 2);
	stage_expect_text(&stage, 0, METT_NO_START, "not ready within");
	CHECK(!fake_sandbox(0));
	stage_close(&stage);
}

/* What it waits for is others' starts, which is no fault of its own. */
static void waits_for_its_turn(enum mett_policy policy)
{
	struct stage stage;

	fake_launcher_busy(1);
	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", policy), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_wait(&stage, METT_LAUNCH_TIMEOUT_MS - 1);
	stage_silent(&stage);
	fake_launcher_busy(0);
	stage_turn(&stage);
	stage_wait(&stage, METT_START_TIMEOUT_MS - 1);
	stage_silent(&stage);
	stage_wait(&stage, 2);
	stage_expect_text(&stage, 0, METT_NO_START, "not ready within 10 s");
	fake_launcher_busy(1);
	stage_invoke(&stage, 1, "f", "");
	stage_wait(&stage, METT_LAUNCH_TIMEOUT_MS + 1);
	stage_expect_text(&stage, 1, METT_NO_START, "not begun within 60 s");
	fake_launcher_busy(0);
	stage_close(&stage);
}

TEST(a_zygote_may_wait_for_its_turn)
{
	waits_for_its_turn(METT_POLICY_FORK);
}

TEST(a_spawned_worker_may_wait_for_its_turn)
{
	waits_for_its_turn(METT_POLICY_SPAWN);
}

TEST(when_a_zygote_dies_its_workers_serve_on)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK); /* 1 is parked */
	stage_invoke(&stage, 1, "f", "");           /* and serves; 2 is being made */
	stage_invoke(&stage, 2, "f", "");
	fake_sandbox_fails(fake_sandbox(0), "its start ended by signal 9");
	stage_turn(&stage);
	stage_expect_text(&stage, 2, METT_NO_START, "signal 9");
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_invoke(&stage, 3, "f", "");
	CHECK_EQ(fake_sandboxes(), 2);
	unsigned worker = fake_workers();
	stage_zygote(&stage, 1);
	stage_parks(&stage, worker);
	stage_exit(&stage, worker, "");
	stage_expect(&stage, 3, METT_OK);
	stage_close(&stage);
}

TEST(after_a_zygote_died_a_function_can_still_invoke_itself)
{
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	fake_sandbox_fails(fake_sandbox(0), "gone");
	stage_turn(&stage);
	/* The old zygote's last worker waits for one of a new zygote. */
	stage_calls(&stage, 0, 5, "f", "");
	CHECK_EQ(fake_sandboxes(), 2);
	stage_zygote(&stage, 1);
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_hears(&stage, 0, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_OK);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 0, METT_OK);
	CHECK(!fake_sandbox(0));
	stage_close(&stage);
}

TEST(a_zygote_that_says_ready_twice_is_no_matter)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_zygote(&stage, 0);
	CHECK_EQ(fake_workers(), 2);
	stage_close(&stage);
}

TEST(a_worker_that_cannot_be_made_fails_who_waits)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_SPAWN), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_invoke(&stage, 1, "f", "");
	fake_worker_fails(fake_worker(0), "the launcher hung up");
	stage_turn(&stage);
	stage_silent(&stage); /* the other may still come */
	fake_worker_fails(fake_worker(1), "the launcher hung up");
	stage_turn(&stage);
	stage_expect_text(&stage, 0, METT_NO_START, "hung up");
	stage_expect(&stage, 1, METT_NO_START);
	stage_close(&stage);
}

TEST(of_two_workers_the_one_that_comes_serves_both)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_SPAWN), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	stage_invoke(&stage, 1, "f", "");
	fake_worker_fails(fake_worker(0), "no");
	stage_turn(&stage);
	stage_parks(&stage, 1);
	CHECK_EQ(fake_workers(), 3); /* for the second, who waits still */
	stage_parks(&stage, 2);
	stage_exit(&stage, 1, "");
	stage_exit(&stage, 2, "");
	stage_expect(&stage, 0, METT_OK);
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

static void late_worker(enum mett_policy policy)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", policy), METT_OK);
	stage_invoke(&stage, 0, "f", "");
	if (policy == METT_POLICY_FORK)
		stage_zygote(&stage, 0);
	stage_wait(&stage, METT_START_TIMEOUT_MS + 1);
	stage_expect_text(&stage, 0, METT_NO_START, "not ready within");
	CHECK(!fake_worker(0));
	stage_invoke(&stage, 1, "f", "");
	if (policy == METT_POLICY_FORK)
		stage_zygote(&stage, 1);
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(a_forked_worker_that_is_late_fails_with_its_zygote)
{
	late_worker(METT_POLICY_FORK);
}

TEST(a_spawned_worker_that_is_late_fails)
{
	late_worker(METT_POLICY_SPAWN);
}

TEST(an_update_lets_the_old_version_end_its_work)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_invoke(&stage, 1, "f", "");
	CHECK_EQ(stage_create(&stage, MESSAGE_UPDATE, "f", METT_POLICY_FORK), METT_OK);
	CHECK(fake_sandbox(0));
	stage_invoke(&stage, 2, "f", "");
	CHECK_EQ(fake_sandboxes(), 2);
	unsigned worker = fake_workers();
	stage_zygote(&stage, 1);
	stage_parks(&stage, worker);
	stage_exit(&stage, worker, "");
	stage_expect(&stage, 2, METT_OK);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	CHECK(!fake_sandbox(0));
	stage_close(&stage);
}

TEST(a_deleted_action_serves_who_waits_already)
{
	struct stage stage;

	stage_open(&stage, 2);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 1, "f", "");
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	stage_zygote(&stage, 0);
	CHECK_EQ(fake_workers(), 1); /* none ahead any more */
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	CHECK(!fake_sandbox(0));
	stage_close(&stage);
}

TEST(a_deleted_action_leaves_nothing_when_idle)
{
	struct stage stage;

	stage_open(&stage, 2);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_bury(&stage);
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	CHECK(!fake_sandbox(0));
	CHECK_EQ(stage_delete(&stage, "f"), METT_NO_ACTION);
	CHECK_EQ(fake_caps(), 3); /* both ends of the client's gate, and its window */
	stage_close(&stage);
}

TEST(workers_nobody_waits_for_any_more_do_not_pile_up)
{
	struct stage stage;

	stage_open(&stage, 1);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_SPAWN), METT_OK);
	for (uint32_t tag = 0; tag < 8; tag++)
		stage_invoke_timed(&stage, tag, "f", 10);
	unsigned made = fake_workers();
	CHECK_EQ(made, 9);
	stage_wait(&stage, 20);
	for (uint32_t tag = 0; tag < 8; tag++)
		stage_expect(&stage, tag, METT_TIMED_OUT);
	for (unsigned i = 0; i < made; i++)
		stage_parks(&stage, i);
	stage_bury(&stage);
	unsigned parked = 0;
	for (unsigned i = 0; i < fake_workers(); i++)
		parked += fake_worker(i) != NULL;
	CHECK_EQ(parked, 1);
	stage_close(&stage);
}
