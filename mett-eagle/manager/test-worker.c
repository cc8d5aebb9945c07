/* Workers: how they end, and what they may say. */
#include "worker.h"

#include <errno.h>
#include <string.h>

#include "test-stage.h"

/* One action, with worker 1 serving tag 1. */
static void open_served(struct stage *stage)
{
	stage_open(stage, 1);
	stage_ready(stage, "f", METT_POLICY_FORK);
	stage_invoke(stage, 1, "f", "");
	CHECK_EQ(fake_worker_awake(fake_worker(1)), 1);
}

/* Whatever happened before: the next invocation works. */
static void close_served(struct stage *stage)
{
	stage_bury(stage);
	unsigned worker = fake_workers() - 1;
	stage_parks(stage, worker);
	stage_invoke(stage, 2, "f", "");
	stage_exit(stage, worker, "");
	stage_expect(stage, 2, METT_OK);
	CHECK_EQ(stage->session->activation_count, 0);
	stage_close(stage);
}

static void says(const void *data, size_t size, sys_cap cap)
{
	CHECK_EQ(fake_worker_says(fake_worker(1), data, size, &cap, cap != SYS_NO_CAP), 0);
	sys_cap_close(cap);
}

/* Says it, and the client hears of a breach. */
static void breaks(const void *data, size_t size, const char *text)
{
	struct stage stage;

	open_served(&stage);
	says(data, size, SYS_NO_CAP);
	stage_turn(&stage);
	stage_expect_text(&stage, 1, METT_PROTOCOL, text);
	CHECK(fake_worker_killed(fake_worker(1)));
	close_served(&stage);
}

TEST(ends_are_told_apart)
{
	static const struct {
		int signal, code;
		uint32_t notes;
		enum mett_reason reason;
		int32_t detail;
	} ends[] = {
		{11, 0, 0, METT_CRASHED, 11},
		{9, 0, 0, METT_CRASHED, 9},
		{0, 0, 0, METT_EXITED, 0},
		{0, 42, 0, METT_EXITED, 42},
		{31, 0, 0, METT_FORBIDDEN, 0},
		{31, 0, WINDOW_NOTE_MEMORY, METT_FORBIDDEN, 0},
		{6, 0, WINDOW_NOTE_MEMORY, METT_OUT_OF_MEMORY, 64},
		{0, 1, WINDOW_NOTE_MEMORY, METT_OUT_OF_MEMORY, 64},
	};

	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct message_invoke message = {.header = {MESSAGE_INVOKE, 1},
		                                 .config.memory_limit = 64 << 10};
		struct stage stage;
		struct heard heard;
		unsigned worker = fake_workers() + 1;

		stage_open(&stage, 1);
		stage_ready(&stage, "f", METT_POLICY_FORK);
		message_name_set(&message.name, "f");
		stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
		atomic_store(&sys_worker_window(fake_worker(worker))->notes, ends[i].notes);
		fake_worker_writes(fake_worker(worker), "last line");
		stage_ends(&stage, worker, ends[i].signal, ends[i].code);
		stage_done(&stage, 1, ends[i].reason, &heard);
		CHECK_EQ(heard.done.detail, ends[i].detail);
		CHECK_EQ(heard.done.log_size, 9);
		CHECK_EQ(heard.done.size, 0);
		CHECK(!fake_worker(worker));
		stage_close(&stage);
	}
}

TEST(a_failure_is_reported_with_its_text)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .error = 7, .size = 9};
	struct stage stage;
	struct heard heard;

	open_served(&stage);
	memcpy(sys_worker_window(fake_worker(1))->serve.answer, "no\nway\x7f!", 9);
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_turn(&stage);
	stage_done(&stage, 1, METT_FAILED, &heard);
	CHECK_EQ(heard.done.detail, 7);
	CHECK(memmem(&heard.done + 1, heard.done.text_size, "code 7: no way !", 16));
	close_served(&stage);
}

TEST(a_failures_text_is_cut_to_fit)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .error = 1, .size = UINT64_MAX};
	struct stage stage;
	struct heard heard;

	open_served(&stage);
	memset(sys_worker_window(fake_worker(1))->serve.answer, 'x', METT_INLINE_MAX);
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_turn(&stage);
	stage_done(&stage, 1, METT_FAILED, &heard);
	CHECK_EQ(heard.done.text_size, METT_MESSAGE_MAX - 1);
	close_served(&stage);
}

TEST(a_signal_message_tells_of_an_end)
{
	static const struct {
		int32_t signal, value;
		enum mett_reason reason;
	} tells[] = {
		{0, 3, METT_EXITED},    {11, 0, METT_CRASHED},  {31, 0, METT_FORBIDDEN},
		{-1, 0, METT_PROTOCOL}, {65, 0, METT_PROTOCOL}, {INT32_MIN, 0, METT_PROTOCOL},
	};

	for (unsigned i = 0; i < sizeof(tells) / sizeof(*tells); i++) {
		struct message_signal message = {
			{MESSAGE_SIGNAL, 0}, tells[i].signal, tells[i].value};
		unsigned worker = fake_workers() + 1;
		struct stage stage;

		stage_open(&stage, 1);
		stage_ready(&stage, "f", METT_POLICY_FORK);
		stage_invoke(&stage, 1, "f", "");
		fake_worker_says(fake_worker(worker), &message, sizeof(message), NULL, 0);
		stage_turn(&stage);
		stage_expect(&stage, 1, tells[i].reason);
		CHECK(fake_worker_killed(fake_worker(worker)));
		stage_bury(&stage);
		stage_close(&stage);
	}
}

TEST(who_says_what_no_worker_says_is_ended)
{
	static const unsigned char rubbish[64] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};

	breaks(rubbish, sizeof(rubbish), "message that is none");
}

TEST(who_says_too_little_is_ended)
{
	breaks("x", 1, "message that is none");
}

TEST(who_speaks_for_a_client_is_ended)
{
	struct message_list message = {.header.type = MESSAGE_LIST};

	breaks(&message, sizeof(message), "message that is none");
}

TEST(who_speaks_for_the_server_is_ended)
{
	struct message_done message = {.header.type = MESSAGE_DONE};

	breaks(&message, sizeof(message), "message that is none");
}

TEST(who_says_too_much_is_ended)
{
	static const unsigned char long_one[MESSAGE_MAX + 1] = {MESSAGE_EXIT};

	breaks(long_one, sizeof(long_one), "too long");
}

TEST(who_reports_a_negative_code_is_ended)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .error = -1};

	breaks(&message, sizeof(message), "negative error code");
}

TEST(who_answers_large_without_a_dataspace_is_ended)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = METT_INLINE_MAX + 1};

	breaks(&message, sizeof(message), "large answer without");
}

TEST(who_answers_too_much_is_told_so)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = (1 << 20) + 1};
	struct stage stage;
	struct heard heard;

	open_served(&stage);
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_turn(&stage);
	stage_done(&stage, 1, METT_TOO_LARGE, &heard);
	CHECK_EQ(heard.done.detail, 1 << 20);
	close_served(&stage);
}

TEST(two_invocations_at_once_are_one_too_many)
{
	struct stage stage;

	open_served(&stage);
	stage_calls(&stage, 1, 1, "f", "");
	stage_calls(&stage, 1, 2, "f", "");
	stage_expect_text(&stage, 1, METT_PROTOCOL, "two invocations");
	CHECK_EQ(stage.session->activation_count, 0);
	stage_bury(&stage);
	stage_close(&stage);
}

TEST(a_worker_calls_from_its_only_slot)
{
	struct message_invoke message = {.header = {MESSAGE_INVOKE, 8}, .slot = 1};
	struct stage stage;
	struct heard heard;

	open_served(&stage);
	message_name_set(&message.name, "f");
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_turn(&stage);
	stage_hears(&stage, 1, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.header.tag, 8);
	CHECK_EQ(heard.done.reason, METT_BAD_ARGUMENT);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	close_served(&stage);
}

TEST(last_words_count_more_than_the_end)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = 2};
	struct stage stage;

	open_served(&stage);
	memcpy(sys_worker_window(fake_worker(1))->serve.answer, "ok", 2);
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_ends(&stage, 1, 11, 0);
	stage_expect(&stage, 1, METT_OK);
	CHECK(!memcmp(stage.window->slot[1].answer, "ok", 2));
	stage_silent(&stage);
	close_served(&stage);
}

TEST(a_request_as_last_words_does_not_hide_the_end)
{
	struct message_dataspace message = {.header.type = MESSAGE_DATASPACE, .size = 100000};
	struct stage stage;

	open_served(&stage);
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_ends(&stage, 1, 11, 0);
	stage_expect_text(&stage, 1, METT_CRASHED, "signal 11");
	close_served(&stage);
}

TEST(a_call_as_last_words_is_cancelled)
{
	struct message_invoke message = {.header.type = MESSAGE_INVOKE};
	struct stage stage;

	open_served(&stage);
	message_name_set(&message.name, "f");
	says(&message, sizeof(message), SYS_NO_CAP);
	stage_ends(&stage, 1, 11, 0);
	stage_expect(&stage, 1, METT_CRASHED);
	CHECK_EQ(stage.session->activation_count, 0);
	stage_close(&stage);
}

TEST(who_hangs_up_is_ended)
{
	struct stage stage;

	open_served(&stage);
	fake_worker_hangs_up(fake_worker(1));
	stage_turn(&stage);
	CHECK_EQ(fake_worker_killed(fake_worker(1)), 1);
	stage_silent(&stage); /* its end may tell more */
	stage_ends(&stage, 1, 9, 0);
	stage_expect_text(&stage, 1, METT_PROTOCOL, "closed its gate");
	close_served(&stage);
}

TEST(who_hangs_up_by_crashing_has_crashed)
{
	struct stage stage;

	open_served(&stage);
	fake_worker_hangs_up(fake_worker(1));
	stage_turn(&stage);
	stage_ends(&stage, 1, 11, 0);
	stage_expect_text(&stage, 1, METT_CRASHED, "signal 11");
	close_served(&stage);
}

TEST(a_gate_that_breaks_ends_its_worker)
{
	struct stage stage;

	open_served(&stage);
	says("x", 1, SYS_NO_CAP);
	fake_break_recv(sys_worker_gate(fake_worker(1)), -EIO);
	stage_turn(&stage);
	CHECK(fake_worker_killed(fake_worker(1)));
	stage_ends(&stage, 1, 9, 0);
	stage_expect(&stage, 1, METT_PROTOCOL);
	close_served(&stage);
}

TEST(a_large_answer_goes_by_capability)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = 100000};
	struct stage stage;
	struct heard heard;
	size_t size;

	open_served(&stage);
	unsigned caps = fake_caps();
	says(&message, sizeof(message), stage_space(&stage, 1, 100000, METT_OK));
	stage_turn(&stage);
	stage_done(&stage, 1, METT_OK, &heard);
	CHECK_EQ(heard.done.size, 100000);
	CHECK_EQ(heard.got.cap_count, 1);
	CHECK_EQ(sys_dataspace_check(heard.got.caps[0], &size), 0);
	sys_received_close(&heard.got);
	CHECK_EQ(fake_caps(), caps);
	close_served(&stage);
}

TEST(a_large_answer_must_be_long_enough_and_unmapped)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = 100000};
	struct stage stage;
	void *memory;

	open_served(&stage);
	says(&message, sizeof(message), stage_space(&stage, 1, 99999, METT_OK));
	stage_turn(&stage);
	stage_expect_text(&stage, 1, METT_PROTOCOL, "large answer");
	stage_bury(&stage);
	stage_close(&stage);

	unsigned worker = fake_workers() + 1;
	sys_cap space;
	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_invoke(&stage, 1, "f", "");
	CHECK_EQ(sys_dataspace_new("x", 100000, 0, &space), 0);
	CHECK_EQ(sys_map(space, 100000, 1, &memory), 0);
	fake_worker_says(fake_worker(worker), &message, sizeof(message), &space, 1);
	sys_cap_close(space);
	stage_turn(&stage);
	stage_expect_text(&stage, 1, METT_PROTOCOL, "large answer");
	sys_unmap(memory, 100000);
	stage_bury(&stage);
	stage_close(&stage);
}

TEST(dataspaces_are_granted_to_a_limit)
{
	struct stage stage;

	open_served(&stage);
	stage_space(&stage, 1, 0, METT_TOO_LARGE);
	stage_space(&stage, 1, (1 << 20) + 1, METT_TOO_LARGE);
	stage_space(&stage, 1, UINT64_MAX, METT_TOO_LARGE);
	for (unsigned i = 0; i < METT_GRANT_MAX >> 20; i++)
		sys_cap_close(stage_space(&stage, 1, 1 << 20, METT_OK));
	stage_space(&stage, 1, 1, METT_TOO_LARGE);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	close_served(&stage);
}

TEST(no_memory_for_a_dataspace_is_told)
{
	struct message_dataspace message = {.header = {MESSAGE_DATASPACE, 6}, .size = 100};
	struct stage stage;
	struct heard heard;

	open_served(&stage);
	says(&message, sizeof(message), SYS_NO_CAP);
	fake_fail(0);
	stage_turn(&stage);
	CHECK(fake_failed());
	stage_hears(&stage, 1, MESSAGE_STATUS, &heard);
	CHECK_EQ(heard.status.reason, METT_NO_MEMORY);
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	close_served(&stage);
}

TEST(who_asks_and_does_not_read_is_ended)
{
	struct message_dataspace message = {.header = {MESSAGE_DATASPACE, 6}, .size = 100};
	struct stage stage;

	open_served(&stage);
	fake_room(2);
	for (int i = 0; i < 3; i++) {
		says(&message, sizeof(message), SYS_NO_CAP);
		stage_turn(&stage);
	}
	stage_expect_text(&stage, 1, METT_PROTOCOL, "does not read");
	fake_room(FAKE_ROOM_DEFAULT);
	close_served(&stage);
}

TEST(a_server_without_memory_to_speak_blames_nobody)
{
	struct message_dataspace message = {.header = {MESSAGE_DATASPACE, 6}, .size = 1 << 21};
	struct stage stage;

	open_served(&stage);
	says(&message, sizeof(message), SYS_NO_CAP);
	fake_break_send(sys_worker_gate(fake_worker(1)), -ENOBUFS);
	stage_turn(&stage);
	stage_expect(&stage, 1, METT_NO_MEMORY);
	close_served(&stage);
}

static void says_and_is_cut(struct stage *stage, const void *data, size_t size)
{
	says(data, size, SYS_NO_CAP);
	fake_break_recv(sys_worker_gate(fake_worker(1)), SYS_CUT);
	stage_turn(stage);
}

TEST(a_server_without_descriptors_blames_nobody)
{
	struct message_exit answer = {.header.type = MESSAGE_EXIT, .size = 100000};
	struct message_invoke call = {.header = {MESSAGE_INVOKE, 8}, .size = 100000};
	struct stage stage;
	struct heard heard;

	open_served(&stage);
	message_name_set(&call.name, "f");
	says_and_is_cut(&stage, &call, sizeof(call));
	stage_hears(&stage, 1, MESSAGE_DONE, &heard);
	CHECK_EQ(heard.header.tag, 8);
	CHECK_EQ(heard.done.reason, METT_NO_MEMORY);
	says_and_is_cut(&stage, &answer, sizeof(answer));
	stage_expect(&stage, 1, METT_NO_MEMORY);
	close_served(&stage);
}

TEST(what_is_wrong_is_so_when_it_is_cut)
{
	struct message_signal message = {.header.type = MESSAGE_SIGNAL, .signal = 11};
	struct stage stage;

	open_served(&stage);
	says_and_is_cut(&stage, &message, sizeof(message));
	stage_expect_text(&stage, 1, METT_PROTOCOL, "message that is none");
	close_served(&stage);
}

TEST(flooding_stops_when_its_outcome_is_known)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT};
	struct stage stage;

	open_served(&stage);
	fake_room(200);
	for (int i = 0; i < 100; i++)
		says(&message, sizeof(message), SYS_NO_CAP);
	stage_turn(&stage);
	stage_expect(&stage, 1, METT_OK);
	stage_silent(&stage);
	close_served(&stage);
}

TEST(a_large_argument_for_a_worker_that_is_gone_is_no_breach)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	/* It dies, and before its end is told somebody invokes. */
	fake_worker_ends(fake_worker(1), 11, 0);
	fake_worker_hold(fake_worker(1), 1);
	stage_invoke_large(&stage, 1, "f", 100000);
	fake_worker_hold(fake_worker(1), 0);
	stage_turn(&stage);
	stage_expect_text(&stage, 1, METT_CRASHED, "signal 11");
	close_served(&stage);
}
