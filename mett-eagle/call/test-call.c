#include "call.h"

#include <string.h>

#include <test.h>

enum { TAG = 7, GENERATION = 3, SLOT = 2 };

static struct worker_window window;
static struct window_lane lane;

static uint64_t claim(void)
{
	uint64_t word = lane_word(LANE_CLAIMED, GENERATION, SLOT, TAG);

	lane = (struct window_lane){.word = word, .id = 41};
	window.turn = 0;
	window.call = window_call(CALL_NONE, 0);
	return word;
}

static uint64_t begin(void)
{
	uint64_t word = claim();

	CHECK_EQ(mett_call_begin(&lane, &window, &word, "hello", 5, 0), 41);
	return word;
}

static void answer(void)
{
	window.call = window_call(CALL_ANSWERED, TAG);
}

TEST(the_worker_finds_what_it_is_to_do)
{
	uint64_t word = begin();

	CHECK_EQ(word, lane_word(LANE_BEGUN, GENERATION, SLOT, TAG));
	CHECK_EQ(lane.word, word);
	CHECK_EQ(lane.id, 42);
	CHECK_EQ(lane.calls, 1);
	CHECK_EQ(window.turn, 1);
	CHECK_EQ(window.by_lane, 1);
	CHECK_EQ(window.activation.id, 41);
	CHECK_EQ(window.size, 5);
	CHECK(memcmp(window.serve.argument, "hello", 5) == 0);
}

TEST(a_large_argument_goes_where_there_is_room)
{
	static const char large[METT_INLINE_MAX + 1] = "large";
	uint64_t word = claim();

	CHECK(mett_call_begin(&lane, &window, &word, large, sizeof(large), 0));
	CHECK(memcmp(window.room.argument, large, sizeof(large)) == 0);
}

TEST(nobody_is_woken_when_the_server_was_quicker)
{
	uint64_t word = claim();

	lane.word = 0;
	CHECK_EQ(mett_call_begin(&lane, &window, &word, NULL, 0, 0), 0);
	CHECK_EQ(lane.calls, 0);
	CHECK_EQ(window.turn, 0);
}

TEST(its_own_time_limit_counts_and_else_the_actions)
{
	uint64_t word = claim();

	window.timeout_us = 7;
	CHECK(mett_call_begin(&lane, &window, &word, NULL, 0, 3));
	CHECK_EQ(window.limit_us, 3);
	begin();
	CHECK_EQ(window.limit_us, 7);
	window.timeout_us = 0;
}

TEST(an_answer_is_waited_for)
{
	begin();
	answer();
	CHECK(mett_call_wait(&window, TAG));
}

TEST(the_answer_to_another_call_is_none)
{
	begin();
	window.call = window_call(CALL_ANSWERED, TAG - 1);
	CHECK(!mett_call_wait(&window, TAG));
}

TEST(a_call_that_takes_long_is_left_to_the_server)
{
	begin();
	window.limit_us = 1;
	CHECK(!mett_call_wait(&window, TAG));
	CHECK_EQ(window.call, window_call(CALL_TAKEN, TAG));
}

/* Else it would end in the caller's way, or wait in vain for it to get out of it. */
TEST(the_worker_sees_that_its_caller_has_the_answer)
{
	uint64_t word = begin();

	answer();
	CHECK(mett_call_end(&lane, &window, word, lane_word(LANE_USED, 0, 0, 0)));
	CHECK_EQ(lane_state(lane.word), LANE_USED);
	CHECK_EQ(window.call, CALL_NONE);
}

/* By the time the caller says so, the window may be another worker's. */
TEST(the_next_workers_call_is_left_alone)
{
	uint64_t word = begin();

	window.call = window_call(CALL_RUNNING, TAG + 1);
	CHECK(mett_call_end(&lane, &window, word, lane_word(LANE_USED, 0, 0, 0)));
	CHECK_EQ(window.call, window_call(CALL_RUNNING, TAG + 1));
}

TEST(an_answer_stands_though_its_lane_was_closed)
{
	uint64_t word = begin();

	answer();
	lane.word = lane_with(word, LANE_USED);
	CHECK(mett_call_end(&lane, &window, word, lane_word(LANE_ARMED, GENERATION, 0, 0)));
	CHECK_EQ(lane.word, lane_word(LANE_USED, 0, 0, 0));
}

TEST(what_the_server_has_seen_to_is_the_servers)
{
	uint64_t word = begin();

	answer();
	lane.word = 0;
	CHECK(!mett_call_end(&lane, &window, word, lane_word(LANE_USED, 0, 0, 0)));
	CHECK_EQ(lane.word, 0);
}
