/* Activations: from the invocation to its one answer. */
#include "activation.h"

#include <errno.h>
#include <string.h>

#include "test-stage.h"

TEST(argument_and_answer_get_through)
{
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 7, "f", "hi");
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	struct worker_window *window = sys_worker_window(fake_worker(0));
	CHECK_EQ(window->size, 2);
	CHECK(!memcmp(window->serve.argument, "hi", 2));
	CHECK_EQ(window->payload_max, 1 << 20);
	CHECK_EQ(window->activation.id, 1);
	CHECK_EQ(window->activation.deadline_ns, 0);
	CHECK_STR(window->activation.name, "f");
	fake_worker_writes(fake_worker(0), "some log");
	stage_exit(&stage, 0, "ho ho");
	stage_done(&stage, 7, METT_OK, &heard);
	CHECK_EQ(heard.done.slot, 7);
	CHECK_EQ(heard.done.size, 5);
	CHECK_EQ(heard.done.activation, 1);
	CHECK(!memcmp(stage.window->slot[7].answer, "ho ho", 5));
	CHECK_EQ(heard.done.log_size, 8);
	CHECK(!memcmp(&heard.done + 1, "some log", 8));
	stage_close(&stage);
}

static void say_exit_with_times(unsigned number, const uint64_t told[4])
{
	struct message_exit message = {.header.type = MESSAGE_EXIT};

	message.times = (struct mett_metadata){.start_runtime = told[0],
	                                       .start_function = told[1],
	                                       .end_function = told[2],
	                                       .end_runtime = told[3]};
	fake_worker_says(fake_worker(number), &message, sizeof(message), NULL, 0);
}

TEST(times_never_run_backwards_whatever_the_worker_says)
{
	static const uint64_t lies[][4] = {
		{0, 0, 0, 0},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{1000005000, 1000004000, 1000003000, 1000002000},
		{UINT64_MAX, 0, UINT64_MAX, 0},
	};
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t before = sys_clock_ns();
		unsigned worker = fake_workers() - 1;

		stage_invoke(&stage, i, "f", "");
		fake_clock_advance(10000);
		say_exit_with_times(worker, lies[i]);
		stage_turn(&stage);
		stage_ends(&stage, worker, 9, 0);
		stage_parks(&stage, fake_workers() - 1);
		stage_done(&stage, i, METT_OK, &heard);
		const struct mett_metadata *times = &heard.done.times;
		CHECK(before <= times->start_worker);
		CHECK(times->start_worker <= times->start_runtime);
		CHECK(times->start_runtime <= times->start_function);
		CHECK(times->start_function <= times->end_function);
		CHECK(times->end_function <= times->end_runtime);
		CHECK(times->end_runtime <= times->end_worker);
		CHECK(times->end_worker <= sys_clock_ns());
	}
	stage_close(&stage);
}

TEST(an_honest_workers_times_are_kept)
{
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_invoke(&stage, 1, "f", "");
	uint64_t now = sys_clock_ns();
	fake_clock_advance(1000);
	say_exit_with_times(1, (uint64_t[]){now + 1, now + 2, now + 3, now + 4});
	stage_turn(&stage);
	stage_done(&stage, 1, METT_OK, &heard);
	CHECK_EQ(heard.done.times.start_runtime, now + 1);
	CHECK_EQ(heard.done.times.start_function, now + 2);
	CHECK_EQ(heard.done.times.end_function, now + 3);
	CHECK_EQ(heard.done.times.end_runtime, now + 4);
	stage_bury(&stage);
	stage_close(&stage);
}

TEST(who_runs_too_long_is_ended)
{
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_invoke_timed(&stage, 1, "f", 50);
	CHECK(sys_worker_window(fake_worker(1))->activation.deadline_ns);
	stage_wait(&stage, 49);
	stage_silent(&stage);
	stage_wait(&stage, 2);
	stage_done(&stage, 1, METT_TIMED_OUT, &heard);
	CHECK_EQ(heard.done.detail, 50);
	CHECK(fake_worker_killed(fake_worker(1)));
	/* What it says from now on is nobody's business. */
	stage_exit(&stage, 1, "late");
	stage_silent(&stage);
	stage_close(&stage);
}

TEST(time_runs_out_while_waiting_too)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke_timed(&stage, 1, "f", 50);
	stage_invoke(&stage, 2, "f", "");
	stage_wait(&stage, 51);
	stage_expect(&stage, 1, METT_TIMED_OUT);
	stage_zygote(&stage, 0);
	CHECK_EQ(fake_workers(), 1);
	stage_parks(&stage, 0);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 2, METT_OK);
	stage_close(&stage);
}

TEST(a_timeout_without_end_is_none)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 1},
	                                 .config.timeout_us = UINT64_MAX};
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	message_name_set(&message.name, "f");
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK_EQ(sys_worker_window(fake_worker(1))->activation.deadline_ns, 0);
	stage_wait(&stage, 1000000000);
	stage_silent(&stage);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(an_actions_defaults_hold_unless_replaced)
{
	struct message_create create = {.header = {MESSAGE_CREATE, 1},
	                                .defaults = {.memory_limit = 1000, .timeout_us = 2000}};
	struct message_invoke invoke = {.header = {MESSAGE_INVOKE, 2}};
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 0);
	message_name_set(&create.name, "f");
	stage_send(&stage, &create, sizeof(create), stage_program());
	CHECK(stage_hear(&stage, &heard) && heard.status.reason == METT_OK);
	message_name_set(&invoke.name, "f");
	stage_send(&stage, &invoke, sizeof(invoke), SYS_NO_CAP);
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	CHECK_EQ(fake_worker_limit(fake_worker(0)), 1000);
	CHECK_EQ(sys_worker_window(fake_worker(0))->activation.memory_limit, 1000);
	stage_wait(&stage, 3);
	stage_expect(&stage, 2, METT_TIMED_OUT);
	invoke.config = (struct mett_config){.memory_limit = 5000, .timeout_us = 9000};
	stage_send(&stage, &invoke, sizeof(invoke), SYS_NO_CAP);
	stage_parks(&stage, 1);
	CHECK_EQ(fake_worker_limit(fake_worker(1)), 5000);
	stage_wait(&stage, 3);
	stage_silent(&stage);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 2, METT_OK);
	stage_bury(&stage);
	stage_close(&stage);
}

/* f, served by worker 1, invokes g, which worker 2 serves. */
static void open_nested(struct stage *stage)
{
	stage_open(stage, 0);
	CHECK_EQ(stage_create(stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	CHECK_EQ(stage_create(stage, MESSAGE_CREATE, "g", METT_POLICY_FORK), METT_OK);
	stage_invoke(stage, 1, "f", "");
	stage_zygote(stage, 0);
	stage_parks(stage, 0);
	stage_calls(stage, 0, 99, "g", "inner");
	stage_zygote(stage, 1);
	stage_parks(stage, 1);
}

TEST(a_function_invokes_another)
{
	struct stage stage;
	struct heard heard;

	open_nested(&stage);
	CHECK(!memcmp(sys_worker_window(fake_worker(1))->serve.argument, "inner", 5));
	stage_exit(&stage, 1, "answer");
	stage_hears(&stage, 0, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.header.tag, 99);
	CHECK_EQ(heard.done.reason, METT_OK);
	CHECK_EQ(heard.done.activation, 2);
	CHECK(!memcmp(sys_worker_window(fake_worker(0))->nested.answer, "answer", 6));
	stage_silent(&stage);
	stage_exit(&stage, 0, "outer");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(when_the_caller_dies_its_call_is_cancelled)
{
	struct stage stage;

	open_nested(&stage);
	stage_ends(&stage, 0, 11, 0);
	stage_expect_text(&stage, 1, METT_CRASHED, "signal 11");
	CHECK(fake_worker_killed(fake_worker(1)));
	CHECK_EQ(stage.session->activation_count, 0);
	stage_exit(&stage, 1, "for nobody");
	stage_silent(&stage);
	stage_close(&stage);
}

TEST(when_the_caller_answers_early_its_call_is_cancelled)
{
	struct stage stage;

	open_nested(&stage);
	stage_exit(&stage, 0, "did not wait");
	stage_expect(&stage, 1, METT_OK);
	CHECK(fake_worker_killed(fake_worker(1)));
	stage_bury(&stage);
	stage_close(&stage);
}

TEST(a_call_that_waits_is_cancelled_too)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke_timed(&stage, 1, "f", 50);
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	stage_calls(&stage, 0, 5, "f", "");
	stage_wait(&stage, 51);
	stage_expect(&stage, 1, METT_TIMED_OUT);
	CHECK_EQ(stage.session->activation_count, 0);
	stage_bury(&stage);
	stage_parks(&stage, 1); /* had been made for that call; nobody needs it */
	stage_bury(&stage);
	CHECK(!fake_worker(1));
	stage_close(&stage);
}

TEST(when_the_callee_fails_the_caller_hears_and_goes_on)
{
	struct stage stage;
	struct heard heard;

	open_nested(&stage);
	stage_ends(&stage, 1, 0, 3);
	stage_hears(&stage, 0, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_EXITED);
	CHECK_EQ(heard.done.detail, 3);
	stage_calls(&stage, 0, 100, "nothing", "");
	stage_hears(&stage, 0, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_NO_ACTION);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(an_answer_that_cannot_be_passed_on_is_a_failure)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = 100000};
	struct stage stage;
	struct heard heard;

	open_nested(&stage);
	sys_cap space = stage_space(&stage, 1, message.size, METT_OK);
	fake_break_send(sys_worker_gate(fake_worker(0)), -ETOOMANYREFS);
	CHECK_EQ(fake_worker_says(fake_worker(1), &message, sizeof(message), &space, 1), 0);
	sys_cap_close(space);
	stage_turn(&stage);
	stage_hears(&stage, 0, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_NO_MEMORY);
	CHECK_EQ(heard.got.cap_count, 0);
	stage_bury(&stage);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}

TEST(a_caller_that_is_gone_when_its_call_ends_is_no_matter)
{
	struct stage stage;

	open_nested(&stage);
	fake_worker_hangs_up(fake_worker(0));
	stage_exit(&stage, 1, "x");
	stage_ends(&stage, 0, 9, 0);
	stage_expect(&stage, 1, METT_PROTOCOL);
	stage_close(&stage);
}

TEST(a_caller_that_does_not_read_is_ended)
{
	struct stage stage;

	stage_open(&stage, 0);
	fake_room(4);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 1, "f", "");
	stage_zygote(&stage, 0);
	stage_parks(&stage, 0);
	for (int i = 0; i < 4; i++)
		stage_calls(&stage, 0, 5, "nothing", "");
	CHECK_EQ(fake_worker_killed(fake_worker(0)), 0);
	stage_calls(&stage, 0, 5, "nothing", "");
	CHECK(fake_worker_killed(fake_worker(0)));
	stage_ends(&stage, 0, 9, 0);
	stage_expect_text(&stage, 1, METT_PROTOCOL, "does not read");
	stage_close(&stage);
}

TEST(nesting_has_a_bottom)
{
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(&stage, 1, "f", "");
	stage_zygote(&stage, 0);
	for (unsigned i = 0; i < METT_DEPTH_MAX; i++) {
		CHECK_EQ(fake_workers(), i + 1);
		stage_parks(&stage, i);
		stage_calls(&stage, i, i, "f", "");
	}
	CHECK_EQ(fake_workers(), METT_DEPTH_MAX);
	stage_hears(&stage, METT_DEPTH_MAX - 1, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_DEPTH);
	/* The end of the first ends them all. */
	stage_ends(&stage, 0, 11, 0);
	stage_expect(&stage, 1, METT_CRASHED);
	CHECK_EQ(stage.session->activation_count, 0);
	stage_bury(&stage);
	CHECK_EQ(fake_caps(), 4); /* both ends of the client's gate, its window, the program */
	stage_close(&stage);
}

TEST(a_client_has_so_many_in_flight_and_no_more)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	for (uint32_t i = 0; i < METT_IN_FLIGHT_MAX; i++)
		stage_invoke(&stage, i, "f", "");
	stage_silent(&stage);
	stage_invoke(&stage, 0, "f", "");
	stage_expect_text(&stage, 0, METT_BUSY, "64 invocations");
	stage_close(&stage);
}

TEST(wrong_invocations_are_refused)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 3}};
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_invoke(&stage, 1, "g", "");
	stage_expect_text(&stage, 1, METT_NO_ACTION, "'g'");
	stage_invoke(&stage, 1, "", "");
	stage_expect(&stage, 1, METT_BAD_ARGUMENT);
	stage_invoke(&stage, 1, "a b", "");
	stage_expect(&stage, 1, METT_BAD_ARGUMENT);
	stage_invoke(&stage, METT_IN_FLIGHT_MAX, "f", "");
	stage_expect_text(&stage, METT_IN_FLIGHT_MAX, METT_BAD_ARGUMENT, "no slot");
	stage_invoke_large(&stage, 2, "f", (1 << 20) + 1);
	stage_expect_text(&stage, 2, METT_TOO_LARGE, "--max-payload");
	message_name_set(&message.name, "f");
	message.name.text[5] = 'x'; /* behind its end */
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	stage_expect(&stage, 3, METT_BAD_ARGUMENT);
	memset(message.name.text, 'f', sizeof(message.name.text));
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	stage_expect(&stage, 3, METT_BAD_ARGUMENT);
	/* Large without a dataspace, small with one, and one that is too small, or none. */
	message_name_set(&message.name, "f");
	message.size = METT_INLINE_MAX + 1;
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	stage_expect_text(&stage, 3, METT_BAD_ARGUMENT, "sealed dataspace");
	stage_send(&stage, &message, sizeof(message), fake_dataspace("x", 1));
	stage_expect(&stage, 3, METT_BAD_ARGUMENT);
	sys_cap door = fake_door();
	stage_send(&stage, &message, sizeof(message), door);
	stage_expect(&stage, 3, METT_BAD_ARGUMENT);
	message.size = 1;
	stage_send(&stage, &message, sizeof(message), fake_dataspace("x", 1));
	stage_expect_text(&stage, 3, METT_BAD_ARGUMENT, "in the window");
	CHECK_EQ(fake_worker_awake(fake_worker(1)), 0);
	stage_close(&stage);
}

TEST(large_arguments_go_by_capability)
{
	struct stage stage;
	struct heard heard;
	size_t size = 0;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	unsigned caps = fake_caps();
	stage_invoke_large(&stage, 1, "f", 1 << 20);
	stage_hears(&stage, 1, MESSAGE_ARGUMENT, &heard);
	CHECK_EQ(heard.got.cap_count, 1);
	CHECK_EQ(sys_dataspace_check(heard.got.caps[0], &size), 0);
	CHECK_EQ(size, 1 << 20);
	CHECK_EQ(sys_worker_window(fake_worker(1))->size, 1 << 20);
	sys_received_close(&heard.got);
	CHECK_EQ(fake_caps(), caps + 1); /* held until it ends */
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	CHECK_EQ(fake_caps(), caps); /* and a new worker's gate for the old one's */
	stage_close(&stage);
}

TEST(a_drain_takes_no_more_but_lets_end_what_runs)
{
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 0);
	stage_ready(&stage, "f", METT_POLICY_REUSE);
	stage_invoke(&stage, 1, "f", "");
	atomic_store(&stage.server.draining, 1);
	stage_invoke(&stage, 2, "f", "");
	stage_expect_text(&stage, 2, METT_GONE, "shutting down");
	/* What runs may need others to end. */
	stage_calls(&stage, 0, 5, "f", "");
	stage_parks(&stage, 1);
	stage_exit(&stage, 1, "");
	stage_hears(&stage, 0, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_OK);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	stage_close(&stage);
}
