/* Lanes: what the next worker finds in the window of the last. */
#include "lane.h"

#include "test-stage.h"

#include <errno.h>
#include <string.h>

enum { MIB = 1 << 20, PAGE = 4096 };

/* A server with a parked worker, number 2, that the client may wake; in its window, which stays. */
static sys_cap open_lane(struct stage *stage)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 1},
	                                 .flags = INVOKE_WANTS_LANES};
	struct heard heard;

	stage_open(stage, 1);
	stage_ready(stage, "f", METT_POLICY_FORK);
	message_name_set(&message.name, "f");
	stage_send(stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK(stage_hear(stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_LANE);
	stage_exit(stage, 1, "");
	stage_expect(stage, 1, METT_OK);
	stage_parks(stage, 2);
	return heard.got.caps[0];
}

static void open_armed(struct stage *stage)
{
	sys_cap_close(open_lane(stage));
}

static _Atomic uint64_t *armed_word(struct stage *stage)
{
	for (unsigned i = 0; i < WINDOW_LANES; i++)
		if (lane_state(stage->window->lane[i].word) == LANE_ARMED)
			return &stage->window->lane[i].word;
	CHECK(!"a lane is armed");
	return NULL;
}

/* The client has that worker serve a call by lane. */
static void call(struct stage *stage, unsigned number, size_t argument, size_t answer)
{
	struct worker_window *window = sys_worker_window(fake_worker(number));

	atomic_store(armed_word(stage), lane_word(LANE_USED, 0, 0, 0));
	window->size = argument;
	window->reply.size = answer;
	memset(window->room.argument, 'a', MIB);
	memset(window->room.answer, 'b', MIB);
	stage_ends(stage, number, 0, 0);
}

TEST(a_client_that_cannot_be_told_of_a_lane_calls_by_the_server)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 1},
	                                 .flags = INVOKE_WANTS_LANES};
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	message_name_set(&message.name, "f");
	fake_break_send(stage.session->gate, -ETOOMANYREFS);
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	stage_invoke(&stage, 2, "f", "");
	stage_parks(&stage, 2);
	stage_exit(&stage, 2, "");
	stage_expect(&stage, 2, METT_OK);
	stage_parks(&stage, 3);
	CHECK(stage_hear(&stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_LANE);
	sys_received_close(&heard.got);
	stage_close(&stage);
}

TEST(a_worker_is_warmed_as_the_last_call_was_large)
{
	struct stage stage;
	struct worker_window *window;

	open_armed(&stage);
	call(&stage, 2, MIB, 70000);
	window = sys_worker_window(fake_worker(3));
	CHECK_EQ(window->warm.argument, MIB);
	CHECK_EQ(window->warm.answer, 18 * PAGE);
	for (size_t i = 0; i < MIB; i++)
		CHECK(!window->room.argument[i] && !window->room.answer[i]);
	stage_close(&stage);
}

TEST(small_calls_let_go_of_it)
{
	struct stage stage;

	open_armed(&stage);
	for (unsigned i = 2; i < 100; i++) {
		call(&stage, i, i == 2 ? MIB : 1, i == 2 ? MIB : METT_INLINE_MAX);
		CHECK_EQ(sys_worker_window(fake_worker(i + 1))->warm.argument > 0, i < 25);
		stage_parks(&stage, i + 1);
	}
	stage_close(&stage);
}

TEST(sizes_beyond_the_room_are_not_believed)
{
	struct stage stage;

	open_armed(&stage);
	call(&stage, 2, UINT64_MAX, WINDOW_ROOM + 1);
	CHECK_EQ(sys_worker_window(fake_worker(3))->warm.argument, 0);
	CHECK_EQ(sys_worker_window(fake_worker(3))->warm.answer, 0);
	stage_close(&stage);
}

TEST(a_lane_says_that_its_next_worker_is_coming)
{
	struct stage stage;

	open_armed(&stage);
	_Atomic uint64_t *word = armed_word(&stage);
	call(&stage, 2, 0, 0);
	CHECK_EQ(lane_state(*word), LANE_COMING);
	uint32_t armed = stage.window->armed;
	stage_parks(&stage, 3);
	CHECK_EQ(stage.window->armed, armed + 1);
	CHECK_EQ(lane_state(*word), LANE_ARMED);
	stage_close(&stage);
}

/* As large as it is it stays with the lane, which needs a worker when the answer is fetched. */
TEST(a_warm_window_outlasts_a_slow_client)
{
	struct stage stage;

	open_armed(&stage);
	call(&stage, 2, MIB, MIB);
	stage_parks(&stage, 3);
	_Atomic uint64_t *word = armed_word(&stage);
	struct worker_window *window = sys_worker_window(fake_worker(3));
	uint32_t running = window_call(CALL_RUNNING, 7);
	window->size = window->reply.size = MIB;
	atomic_store(word, lane_word(LANE_BEGUN, (uint32_t)(*word >> 32), 0, 7));
	window->call = window_call(CALL_ANSWERED, running >> 2);
	stage_ends(&stage, 3, 0, 0);
	CHECK(sys_worker_window(fake_worker(4)) != window);
	stage_parks(&stage, 4);
	atomic_store(word, lane_word(LANE_USED, 0, 0, 0));
	call(&stage, 4, MIB, MIB);
	CHECK(sys_worker_window(fake_worker(5)) == window);
	stage_close(&stage);
}

/* Its client has not looked yet: neither is it asked again, nor written over, nor forgotten. */
TEST(an_answer_outlives_the_closing_of_its_lane)
{
	struct stage stage;
	struct worker_window *window;

	open_armed(&stage);
	window = sys_worker_window(fake_worker(2));
	_Atomic uint64_t *word = armed_word(&stage);
	const uint64_t begun = lane_with(*word, LANE_BEGUN) | 9;
	*word = begun;
	window->call = window_call(CALL_ANSWERED, 9);
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	CHECK_EQ(*word, begun);
	stage_turn(&stage);
	CHECK_EQ(*word, begun);
	/* When it has looked the lane is free for others. */
	*word = lane_word(LANE_USED, 0, 0, 0);
	stage_turn(&stage);
	CHECK_EQ(*word, 0);
	CHECK(!fake_worker(2));
	stage_silent(&stage);
	stage_close(&stage);
}

/* The client's call on the lane of the parked worker, with tag 9, takes its time. */
static void say_claim(struct stage *stage, uint64_t timeout_us)
{
	struct message_claim claim = {.header = {MESSAGE_CLAIM, 9}, .timeout_us = timeout_us};

	for (unsigned i = 0; i < WINDOW_LANES; i++)
		if (lane_state(stage->window->lane[i].word) == LANE_BEGUN)
			claim.lane = i;
	stage_send(stage, &claim, sizeof(claim), SYS_NO_CAP);
}

static void begin_call(struct stage *stage)
{
	struct worker_window *window = sys_worker_window(fake_worker(2));
	_Atomic uint64_t *word = armed_word(stage);

	window->start_ns = sys_clock_ns();
	window->call = window_call(CALL_RUNNING, 9);
	*word = lane_with(*word, LANE_BEGUN) | 9;
}

TEST(a_call_has_its_own_time_limit)
{
	struct stage stage;

	open_armed(&stage);
	begin_call(&stage);
	stage_wait(&stage, 20);
	say_claim(&stage, 30000);
	stage_wait(&stage, 9);
	stage_silent(&stage);
	stage_wait(&stage, 2);
	stage_expect(&stage, 9, METT_TIMED_OUT);
	CHECK(fake_worker_killed(fake_worker(2)));
	stage_close(&stage);
}

/* What the worker did may have made it the server's before its client said a word. */
TEST(which_may_be_told_when_the_server_sees_to_it_already)
{
	struct stage stage;

	open_armed(&stage);
	begin_call(&stage);
	say_claim(&stage, 0);
	stage_wait(&stage, 1000);
	stage_silent(&stage);
	say_claim(&stage, 2000000);
	stage_wait(&stage, 999);
	stage_silent(&stage);
	stage_wait(&stage, 2);
	stage_expect(&stage, 9, METT_TIMED_OUT);
	say_claim(&stage, 1);
	stage_wait(&stage, 1);
	stage_silent(&stage);
	stage_close(&stage);
}

/* A process that serves on: its client would arm it again, and must hear that it may not. */
TEST(a_lane_that_is_kept_is_closed_until_its_client_knows)
{
	struct stage stage;
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 1},
	                                 .flags = INVOKE_WANTS_LANES};
	struct heard heard;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_REUSE);
	message_name_set(&message.name, "f");
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK(stage_hear(&stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_LANE);
	sys_received_close(&heard.got);
	stage_exit(&stage, 0, "");
	stage_expect(&stage, 1, METT_OK);
	_Atomic uint64_t *word = armed_word(&stage);
	const uint64_t begun = lane_with(*word, LANE_BEGUN) | 9;
	*word = begun;
	sys_worker_window(fake_worker(0))->call = window_call(CALL_ANSWERED, 9);
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	CHECK_EQ(*word, lane_with(begun, LANE_USED));
	stage_turn(&stage);
	CHECK_EQ(*word, lane_with(begun, LANE_USED));
	*word = lane_word(LANE_USED, 0, 0, 0);
	stage_turn(&stage);
	CHECK_EQ(*word, 0);
	stage_silent(&stage);
	stage_close(&stage);
}

/* Its client has the answer, and it does not end. */
static void linger(struct stage *stage)
{
	*armed_word(stage) = lane_word(LANE_USED, 0, 0, 0);
}

static void hear_all(struct stage *stage)
{
	struct heard heard;

	while (stage_hear(stage, &heard))
		sys_received_close(&heard.got);
}

TEST(who_lingers_for_long_is_ended_when_others_come)
{
	struct stage stage;

	open_armed(&stage);
	linger(&stage);
	stage_invoke(&stage, 5, "f", "");
	stage_parks(&stage, 3);
	stage_parks(&stage, 4);
	CHECK(!fake_worker_killed(fake_worker(2)));
	hear_all(&stage);
	stage_wait(&stage, 11);
	stage_exit(&stage, 3, "");
	stage_parks(&stage, 5);
	CHECK(fake_worker_killed(fake_worker(2)));
	hear_all(&stage);
	stage_close(&stage);
}

TEST(who_lingers_is_ended_when_nobody_comes)
{
	struct stage stage;

	open_armed(&stage);
	linger(&stage);
	stage_wait(&stage, METT_REUSE_IDLE_MS + 1);
	CHECK(fake_worker_killed(fake_worker(2)));
	stage_close(&stage);
}

/* The client says that it waits for an answer, of which the worker has told the server. */
static void claim(struct stage *stage, uint32_t tag)
{
	const struct message_claim message = {
		.header = {MESSAGE_CLAIM, tag},
		.lane = (uint32_t)(LIST_ENTRY(armed_word(stage), struct window_lane, word) -
	                           stage->window->lane),
	};

	*armed_word(stage) = lane_word(LANE_BEGUN, 1, 0, tag);
	sys_worker_window(fake_worker(2))->call = window_call(CALL_ANSWERED, tag);
	stage_send(stage, &message, sizeof(message), SYS_NO_CAP);
}

TEST(who_answers_one_and_not_the_other_serves_nobody_else)
{
	struct stage stage;

	open_armed(&stage);
	claim(&stage, 9);
	stage_expect_text(&stage, 9, METT_PROTOCOL, "an answer that is none");
	stage_invoke(&stage, 3, "f", "");
	CHECK_EQ(fake_worker_awake(fake_worker(2)), 0);
	CHECK(fake_worker_killed(fake_worker(2)));
	stage_close(&stage);
}

/* The claim is taken back, of which its client hears when it has written all of its argument. */
static void begin_to_write(struct stage *stage)
{
	_Atomic uint64_t *word = armed_word(stage);

	*word = lane_with(*word, LANE_CLAIMED) | 9;
}

TEST(a_window_that_is_written_to_is_no_other_workers)
{
	struct stage stage;
	sys_cap cap = open_lane(&stage);
	const struct worker_window *window = sys_worker_window(fake_worker(2));

	/* Another call of its is under way, and needs a worker in the turn in which this one dies.
	 */
	begin_to_write(&stage);
	fake_worker_ends(fake_worker(2), SYS_SIGNAL_KILLED, 0);
	stage_invoke(&stage, 3, "f", "");
	CHECK(fake_worker(3));
	for (unsigned i = 3; i < fake_workers(); i++)
		CHECK(sys_worker_window(fake_worker(i)) != window);
	sys_cap_close(cap);
	stage_close(&stage);
}

TEST(nor_is_its_worker_another_calls)
{
	struct stage stage;

	open_armed(&stage);
	stage_invoke(&stage, 3, "f", "");
	stage_exit(&stage, 2, "");
	stage_expect(&stage, 3, METT_OK);
	stage_parks(&stage, 3);
	begin_to_write(&stage);
	lanes_withdraw(stage.session);
	stage_invoke(&stage, 4, "f", "");
	CHECK_EQ(fake_worker_awake(fake_worker(3)), 0);
	CHECK(fake_worker_killed(fake_worker(3)));
	stage_close(&stage);
}

/* Its zygote and its client have the window still. */
TEST(a_lane_that_goes_leaves_no_memory_behind)
{
	struct stage stage;
	sys_cap cap = open_lane(&stage);
	struct worker_window *window;
	void *memory;

	CHECK_EQ(sys_map(cap, sizeof(*window), 1, &memory), 0);
	window = memory;
	memset(window->room.argument, 'a', MIB);
	memset(window->room.answer, 'b', MIB);
	stage_wait(&stage, METT_REUSE_IDLE_MS + 1);
	stage_bury(&stage);
	for (size_t i = 0; i < MIB; i++)
		CHECK(!window->room.argument[i] && !window->room.answer[i]);
	sys_unmap(memory, sizeof(*window));
	sys_cap_close(cap);
	stage_close(&stage);
}

/* It was promoted and has its outcome by the time that its client says that it takes long. */
TEST(a_claim_that_comes_too_late_is_no_other_calls)
{
	struct message_claim message = {.header = {MESSAGE_CLAIM, 9}};
	struct stage stage;

	open_armed(&stage);
	_Atomic uint64_t *word = armed_word(&stage);
	message.lane = (uint32_t)(LIST_ENTRY(word, struct window_lane, word) - stage.window->lane);
	*word = lane_with(*word, LANE_BEGUN) | 9;
	sys_worker_window(fake_worker(2))->call = window_call(CALL_RUNNING, 9);
	stage_exit(&stage, 2, "");
	stage_expect(&stage, 9, METT_OK);
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	stage_silent(&stage);
	/* The lane is the next worker's, and then another call's. */
	stage_parks(&stage, 3);
	CHECK(word == armed_word(&stage));
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK(word == armed_word(&stage));
	const uint64_t begun = lane_with(*word, LANE_BEGUN) | 10;
	*word = begun;
	sys_worker_window(fake_worker(3))->call = window_call(CALL_RUNNING, 10);
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK_EQ(*word, begun);
	message.header.tag = 10;
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK_EQ(*word, 0);
	stage_silent(&stage);
	stage_exit(&stage, 3, "");
	stage_expect(&stage, 10, METT_OK);
	stage_close(&stage);
}
