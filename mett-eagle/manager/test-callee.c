/* Callees: workers that are kept ready for one other worker, which wakes them itself. */
#include "lane.h"

#include "test-stage.h"

#include <string.h>

/* Numbers of the worker that calls, and of the one that it may call. */
struct pair {
	struct stage stage;
	unsigned caller, callee;
};

static struct window_lane *lane_of(const struct pair *pair)
{
	return &sys_worker_window(fake_worker(pair->caller))->callee.lane;
}

static enum lane_state state_of(const struct pair *pair)
{
	return lane_state(lane_of(pair)->word);
}

/* Worker @number calls "b" by the server, and says that it would do so without. */
static void call_by_server(struct stage *stage, unsigned number)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 7},
	                                 .flags = INVOKE_WANTS_LANES};
	unsigned served = fake_workers() - 1; /* the last one that parked */
	struct heard heard;

	message_name_set(&message.name, "b");
	CHECK_EQ(fake_worker_says(fake_worker(number), &message, sizeof(message), NULL, 0), 0);
	stage_turn(stage);
	stage_exit(stage, served, "");
	stage_hears(stage, number, MESSAGE_DONE, &heard);
	stage_parks(stage, fake_workers() - 1);
}

/* Workers of "a" have called "b": so the next is given one that it may wake. */
static void pair_open(struct pair *pair)
{
	struct stage *stage = &pair->stage;

	stage_open(stage, 1);
	stage_ready(stage, "a", METT_POLICY_FORK);
	stage_ready(stage, "b", METT_POLICY_FORK);
	stage_invoke(stage, 1, "a", "");
	call_by_server(stage, 1);
	pair->caller = fake_workers();
	pair->callee = pair->caller + 1;
	stage_exit(stage, 1, "");
	stage_expect(stage, 1, METT_OK);
	CHECK_EQ(fake_workers(), pair->caller + 2);
	stage_parks(stage, pair->caller);
	CHECK_EQ(state_of(pair), LANE_NONE);
	stage_parks(stage, pair->callee);
	CHECK_EQ(state_of(pair), LANE_ARMED);
	CHECK_STR(sys_worker_window(fake_worker(pair->caller))->callee.name, "b");
}

/* The caller serves the client, and wakes its callee. */
static void begin(struct pair *pair)
{
	struct worker_window *window = sys_worker_window(fake_worker(pair->callee));

	stage_invoke(&pair->stage, 2, "a", "");
	CHECK_EQ(fake_worker_awake(fake_worker(pair->caller)), 1);
	lane_of(pair)->word = lane_word(LANE_BEGUN, 0, 0, 9);
	lane_of(pair)->calls++;
	window->call = window_call(CALL_RUNNING, 9);
}

static void close_with_answer(struct pair *pair)
{
	stage_exit(&pair->stage, pair->caller, "");
	stage_expect(&pair->stage, 2, METT_OK);
	stage_bury(&pair->stage);
	stage_close(&pair->stage);
}

TEST(a_worker_that_calls_is_given_one_to_wake)
{
	struct pair pair;

	pair_open(&pair);
	/* It is nobody else's: the client's call goes to another. */
	stage_invoke(&pair.stage, 3, "b", "");
	CHECK_EQ(fake_worker_awake(fake_worker(pair.callee)), 0);
	CHECK_EQ(state_of(&pair), LANE_ARMED);
	stage_close(&pair.stage);
}

TEST(both_end_together)
{
	struct pair pair;

	pair_open(&pair);
	stage_invoke(&pair.stage, 2, "a", "");
	CHECK_EQ(fake_worker_killed(fake_worker(pair.callee)), 0);
	stage_exit(&pair.stage, pair.caller, "");
	stage_expect(&pair.stage, 2, METT_OK);
	/* Unused as it is: another's window it must not be. */
	CHECK_EQ(fake_worker_killed(fake_worker(pair.callee)), 1);
	stage_bury(&pair.stage);
	stage_close(&pair.stage);
}

TEST(one_that_parks_too_late_is_of_no_use)
{
	struct pair pair;

	pair_open(&pair);
	stage_invoke(&pair.stage, 2, "a", "");
	unsigned next = fake_workers();
	stage_exit(&pair.stage, pair.caller, "");
	stage_expect(&pair.stage, 2, METT_OK);
	stage_bury(&pair.stage);
	CHECK_EQ(fake_workers(), next + 2);
	stage_parks(&pair.stage, next);
	stage_invoke(&pair.stage, 3, "a", "");
	stage_exit(&pair.stage, next, "");
	stage_expect(&pair.stage, 3, METT_OK);
	stage_parks(&pair.stage, next + 1);
	CHECK_EQ(fake_worker_killed(fake_worker(next + 1)), 1);
	stage_bury(&pair.stage);
	stage_close(&pair.stage);
}

TEST(an_answer_needs_no_server)
{
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	sys_worker_window(fake_worker(pair.callee))->call = window_call(CALL_ANSWERED, 9);
	stage_ends(&pair.stage, pair.callee, 0, 0);
	/* Nobody comes to where its answer lies, until that is fetched. */
	unsigned next = fake_workers();
	stage_turn(&pair.stage);
	CHECK_EQ(fake_workers(), next);
	CHECK_EQ(state_of(&pair), LANE_BEGUN);
	lane_of(&pair)->word = lane_word(LANE_USED, 0, 0, 0);
	close_with_answer(&pair);
}

TEST(a_callee_that_ends_is_reported)
{
	struct heard heard;
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	stage_ends(&pair.stage, pair.callee, 11, 0);
	stage_hears(&pair.stage, pair.caller, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.header.tag, 9);
	CHECK_EQ(heard.done.reason, METT_CRASHED);
	close_with_answer(&pair);
}

TEST(a_callee_that_speaks_is_served_as_ever)
{
	struct heard heard;
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	stage_exit(&pair.stage, pair.callee, "well");
	stage_hears(&pair.stage, pair.caller, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_OK);
	CHECK(!memcmp(sys_worker_window(fake_worker(pair.caller))->nested.answer, "well", 4));
	close_with_answer(&pair);
}

TEST(a_claim_makes_the_server_see_to_it)
{
	struct message_claim claim = {.header = {MESSAGE_CLAIM, 9}};
	struct heard heard;
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(fake_worker_says(fake_worker(pair.caller), &claim, sizeof(claim), NULL, 0),
		         0);
		stage_turn(&pair.stage);
		CHECK_EQ(sys_worker_window(fake_worker(pair.callee))->call,
		         window_call(CALL_TAKEN, 9));
		CHECK_EQ(state_of(&pair), LANE_NONE);
	}
	stage_exit(&pair.stage, pair.callee, "late");
	stage_hears(&pair.stage, pair.caller, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_OK);
	close_with_answer(&pair);
}

TEST(an_answer_that_is_none_is_the_callees_fault)
{
	struct message_claim claim = {.header = {MESSAGE_CLAIM, 9}};
	struct heard heard;
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	sys_worker_window(fake_worker(pair.callee))->call = window_call(CALL_ANSWERED, 9);
	CHECK_EQ(fake_worker_says(fake_worker(pair.caller), &claim, sizeof(claim), NULL, 0), 0);
	stage_turn(&pair.stage);
	stage_hears(&pair.stage, pair.caller, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.done.reason, METT_PROTOCOL);
	close_with_answer(&pair);
}

/* What its caller wrote there is no call if that serves nobody. */
TEST(a_parked_caller_has_called_nobody)
{
	struct pair pair;

	pair_open(&pair);
	lane_of(&pair)->word = lane_word(LANE_BEGUN, 0, 0, 9);
	sys_worker_window(fake_worker(pair.callee))->call = window_call(CALL_RUNNING, 9);
	struct message_exit message = {.header.type = MESSAGE_EXIT};
	fake_worker_says(fake_worker(pair.callee), &message, sizeof(message), NULL, 0);
	stage_turn(&pair.stage);
	CHECK(fake_worker_killed(fake_worker(pair.callee)));
	stage_silent(&pair.stage);
	stage_bury(&pair.stage);
	stage_close(&pair.stage);
}

TEST(a_deleted_action_is_not_called)
{
	struct pair pair;

	pair_open(&pair);
	CHECK_EQ(stage_delete(&pair.stage, "b"), METT_OK);
	CHECK_EQ(state_of(&pair), LANE_NONE);
	CHECK_EQ(fake_worker_killed(fake_worker(pair.callee)), 1);
	stage_bury(&pair.stage);
	CHECK_EQ(stage_create(&pair.stage, MESSAGE_CREATE, "b", METT_POLICY_FORK), METT_OK);
	CHECK_EQ(state_of(&pair), LANE_NONE);
	stage_close(&pair.stage);
}

TEST(one_that_is_never_called_is_kept_no_more)
{
	struct pair pair;

	pair_open(&pair);
	for (int i = 0; i < 40; i++) {
		unsigned next = fake_workers();

		stage_invoke(&pair.stage, 2, "a", "");
		stage_exit(&pair.stage, pair.caller, "");
		stage_expect(&pair.stage, 2, METT_OK);
		stage_bury(&pair.stage);
		for (unsigned n = next; n < fake_workers(); n++)
			stage_parks(&pair.stage, n);
		pair.caller = next;
	}
	CHECK_EQ(state_of(&pair), LANE_NONE);
	stage_close(&pair.stage);
}

TEST(one_that_dies_idle_is_not_replaced_without_end)
{
	struct pair pair;

	pair_open(&pair);
	unsigned made = fake_workers();
	stage_ends(&pair.stage, pair.callee, 11, 0);
	CHECK_EQ(fake_workers(), made);
	stage_close(&pair.stage);
}

/* Its next worker maps the callee's window before that has a worker again. */
TEST(what_was_passed_is_wiped_for_the_next)
{
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	struct worker_window *window = sys_worker_window(fake_worker(pair.callee));
	memset(window->serve.argument, 'a', sizeof(window->serve.argument));
	window->call = window_call(CALL_ANSWERED, 9);
	lane_of(&pair)->word = lane_word(LANE_USED, 0, 0, 0);
	stage_ends(&pair.stage, pair.callee, 0, 0);
	/* None is made for it now. */
	unsigned next = fake_workers() - 1;
	fake_worker_fails(fake_worker(next), "there is no more");
	stage_turn(&pair.stage);
	stage_exit(&pair.stage, pair.caller, "");
	stage_expect(&pair.stage, 2, METT_OK);
	stage_bury(&pair.stage);
	for (size_t i = 0; i < sizeof(window->serve.argument); i++)
		CHECK_EQ(window->serve.argument[i], 0);
	stage_close(&pair.stage);
}

/* All of it is freed, whatever is under way, in any order. */
TEST(a_client_leaves_in_the_midst_of_it)
{
	struct pair pair;

	pair_open(&pair);
	begin(&pair);
	stage_close(&pair.stage);
	fake_forget();
	pair_open(&pair);
	lane_of(&pair)->word = lane_word(LANE_BEGUN, 0, 0, 9);
	sys_worker_window(fake_worker(pair.callee))->call = window_call(CALL_RUNNING, 9);
	stage_close(&pair.stage);
}
