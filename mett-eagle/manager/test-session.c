/* Sessions: what a client may ask, and how it leaves. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test-stage.h"

static void status(struct stage *stage, enum mett_reason reason, const char *text)
{
	char copy[METT_MESSAGE_MAX] = "";
	struct heard heard;

	CHECK(stage_hear(stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_STATUS);
	CHECK_STR(mett_reason_name(heard.status.reason), mett_reason_name(reason));
	memcpy(copy, &heard.status + 1, heard.got.size - sizeof(heard.status));
	if (!strstr(copy, text))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", copy, text);
}

TEST(wrong_creations_are_refused)
{
	struct message_create message = {.header = {MESSAGE_CREATE, 1}};
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_UPDATE, "f", METT_POLICY_FORK), METT_NO_ACTION);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_EXISTS);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "a/b", METT_POLICY_FORK), METT_BAD_ARGUMENT);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "", METT_POLICY_FORK), METT_BAD_ARGUMENT);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "g", METT_POLICY_REUSE + 1),
	         METT_BAD_ARGUMENT);
	message_name_set(&message.name, "g");
	stage_send(&stage, &message, sizeof(message), fake_dataspace("#!/bin/sh", 9));
	status(&stage, METT_BAD_PROGRAM, "a script");
	stage_send(&stage, &message, sizeof(message), fake_door());
	status(&stage, METT_BAD_DATASPACE, "not a sealed memory file");
	message.language = 7;
	stage_send(&stage, &message, sizeof(message), stage_program());
	status(&stage, METT_BAD_ARGUMENT, "language 7");
	CHECK_EQ(stage_delete(&stage, "g"), METT_NO_ACTION);
	CHECK_EQ(stage_delete(&stage, ""), METT_NO_ACTION);
	CHECK_EQ(fake_caps(), 4);
	stage_close(&stage);
}

/* Asks for the page behind @after; returns the last name of it in @last. */
static unsigned list(struct stage *stage, const char *after, char *last, unsigned *ret_more)
{
	struct message_list message = {.header = {MESSAGE_LIST, 4}};
	struct heard heard;

	message_name_set(&message.after, after);
	stage_send(stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK(stage_hear(stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_ROWS);
	CHECK_EQ(heard.header.tag, 4);
	const struct message_action *rows = (void *)(&heard.actions + 1);
	unsigned count = heard.actions.count;
	CHECK_EQ(heard.got.size, sizeof(heard.actions) + count * sizeof(*rows));
	if (count)
		strcpy(last, rows[count - 1].name.text);
	*ret_more = heard.actions.more;
	return count;
}

TEST(all_actions_are_listed_page_by_page)
{
	enum { COUNT = 200 };
	struct stage stage;
	char name[METT_NAME_MAX + 8], last[METT_NAME_MAX + 8] = "";
	unsigned total = 0, pages = 0, more;

	stage_open(&stage, 0);
	CHECK_EQ(list(&stage, "", last, &more), 0);
	CHECK_EQ(more, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "action-%03u", i * 7 % COUNT);
		CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, name, METT_POLICY_FORK), METT_OK);
	}
	do {
		total += list(&stage, last, last, &more);
		pages++;
		snprintf(name, sizeof(name), "action-%03u", total - 1);
		CHECK_STR(last, name);
	} while (more);
	CHECK_EQ(total, COUNT);
	CHECK(pages > 1);
	CHECK_EQ(list(&stage, last, last, &more), 0);
	stage_close(&stage);
}

TEST(a_row_says_what_the_action_is)
{
	struct message_create create = {
		.header = {MESSAGE_CREATE, 1}, .policy = METT_POLICY_REUSE, .defaults = {12, 34}};
	struct message_list message = {.header = {MESSAGE_LIST, 4}};
	struct stage stage;
	struct heard heard;

	stage_open(&stage, 0);
	message_name_set(&create.name, "f");
	stage_send(&stage, &create, sizeof(create), stage_program());
	status(&stage, METT_OK, "");
	CHECK_EQ(stage_create(&stage, MESSAGE_UPDATE, "f", METT_POLICY_DEFAULT), METT_OK);
	create.header.type = MESSAGE_UPDATE;
	stage_send(&stage, &create, sizeof(create), stage_program());
	status(&stage, METT_OK, "");
	stage_invoke(&stage, 0, "f", "");
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK(stage_hear(&stage, &heard));
	const struct message_action *row = (void *)(&heard.actions + 1);
	CHECK_EQ(heard.actions.count, 1);
	CHECK_STR(row->name.text, "f");
	CHECK_EQ(row->version, 3);
	CHECK_EQ(row->activations, 1);
	CHECK_EQ(row->policy, METT_POLICY_REUSE);
	CHECK_EQ(row->size, sizeof(struct stage_program));
	CHECK_EQ(row->defaults.memory_limit, 12);
	CHECK_EQ(row->defaults.timeout_us, 34);
	stage_close(&stage);
}

static void dismissed(const void *data, size_t size)
{
	struct stage stage;

	stage_open(&stage, 0);
	stage_send(&stage, data, size, SYS_NO_CAP);
	CHECK(stage.session->closed);
	stage_close(&stage);
}

TEST(who_says_what_no_client_says_is_dismissed)
{
	static const unsigned char rubbish[64] = {0xff, 0xff}, long_one[MESSAGE_MAX + 1];
	struct message_exit exit = {.header.type = MESSAGE_EXIT};
	struct message_create create = {.header.type = MESSAGE_CREATE}; /* no dataspace */

	dismissed(rubbish, sizeof(rubbish));
	dismissed("x", 1);
	dismissed(long_one, sizeof(long_one));
	dismissed(&exit, sizeof(exit));
	dismissed(&create, sizeof(create));
	dismissed(&create, sizeof(create) - 1);
}

TEST(replies_wait_for_room_in_order)
{
	struct stage stage;

	stage_open(&stage, 0);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	fake_room(2);
	for (uint32_t tag = 0; tag < 4; tag++)
		stage_invoke(&stage, tag, "f", "");
	stage_zygote(&stage, 0);
	for (unsigned i = 0; i < 4; i++)
		stage_parks(&stage, i);
	for (unsigned i = 0; i < 4; i++)
		stage_exit(&stage, i, "");
	stage_expect(&stage, 0, METT_OK);
	stage_turn(&stage);
	stage_expect(&stage, 1, METT_OK);
	stage_expect(&stage, 2, METT_OK);
	stage_turn(&stage);
	stage_expect(&stage, 3, METT_OK);
	stage_silent(&stage);
	/* And it goes on from there. */
	stage_invoke(&stage, 5, "nothing", "");
	stage_expect(&stage, 5, METT_NO_ACTION);
	stage_close(&stage);
}

TEST(who_does_not_read_is_not_heard)
{
	struct stage stage;

	stage_open(&stage, 0);
	fake_room(3);
	for (uint32_t tag = 0; tag < 4; tag++)
		stage_invoke(&stage, tag, "nothing", "");
	/* One reply is kept; these stay in the gate. */
	for (uint32_t tag = 4; tag < 7; tag++)
		stage_invoke(&stage, tag, "nothing", "");
	struct message_list message = {.header.type = MESSAGE_LIST};
	CHECK_EQ(sys_gate_send(stage.gate, &message, sizeof(message), NULL, 0), SYS_AGAIN);
	for (uint32_t tag = 0; tag < 7; tag++) {
		stage_expect(&stage, tag, METT_NO_ACTION);
		stage_turn(&stage);
	}
	stage_close(&stage);
}

/* Worker 0 gives a large answer while the client's gate is full. */
static void large_answer_is_kept(struct stage *stage)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = 100000};

	stage_open(stage, 0);
	CHECK_EQ(stage_create(stage, MESSAGE_CREATE, "f", METT_POLICY_FORK), METT_OK);
	stage_invoke(stage, 1, "f", "");
	stage_zygote(stage, 0);
	stage_parks(stage, 0);
	sys_cap space = stage_space(stage, 0, 100000, METT_OK);
	fake_room(1);
	stage_invoke(stage, 2, "nothing", "");
	fake_worker_says(fake_worker(0), &message, sizeof(message), &space, 1);
	sys_cap_close(space);
	stage_turn(stage);
	stage_ends(stage, 0, 9, 0);
}

TEST(a_large_answer_waits_with_its_dataspace)
{
	struct stage stage;
	struct heard heard;

	large_answer_is_kept(&stage);
	stage_expect(&stage, 2, METT_NO_ACTION);
	stage_turn(&stage);
	stage_done(&stage, 1, METT_OK, &heard);
	CHECK_EQ(heard.got.cap_count, 1);
	sys_received_close(&heard.got);
	CHECK_EQ(fake_caps(), 4);
	stage_close(&stage);
}

TEST(a_large_answer_nobody_takes_is_let_go)
{
	struct stage stage;

	large_answer_is_kept(&stage);
	stage_close(&stage);
}

TEST(a_client_may_leave_in_every_state)
{
	enum { STATES = 8 };

	for (int state = 0; state < STATES; state++) {
		unsigned worker = fake_workers(), sandbox = fake_sandboxes();
		struct stage stage;

		stage_open(&stage, 1);
		if (state >= 1)
			CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "f", METT_POLICY_FORK),
			         METT_OK);
		if (state >= 2)
			stage_invoke_large(&stage, 1, "f", 100000); /* waits for a zygote */
		if (state >= 3)
			stage_zygote(&stage, sandbox); /* waits for a worker */
		if (state >= 4)
			stage_parks(&stage, worker); /* is served */
		if (state >= 5)
			stage_calls(&stage, worker, 1, "f", ""); /* waits for another */
		if (state >= 6)
			stage_parks(&stage, worker + 1);
		if (state >= 7)
			stage_create(&stage, MESSAGE_UPDATE, "f", METT_POLICY_REUSE);
		stage_close(&stage);
	}
}

TEST(a_client_may_leave_with_its_gate_full)
{
	struct stage stage;

	stage_open(&stage, 0);
	fake_room(1);
	stage_invoke(&stage, 1, "nothing", "");
	stage_invoke(&stage, 2, "nothing", "");
	stage_close(&stage);
}

TEST(a_gate_that_breaks_ends_the_session)
{
	struct stage stage;

	stage_open(&stage, 0);
	fake_break_recv(stage.session->gate, -EIO);
	stage_invoke(&stage, 1, "nothing", "");
	CHECK(stage.session->closed);
	stage_close(&stage);
}

TEST(the_true_end_of_a_worker_is_noted)
{
	struct stage stage;
	uint64_t count;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	CHECK_EQ(atomic_load(&stage.window->reaped_count), 1);
	CHECK_EQ(atomic_load(&stage.window->reaped[0].activation), 1);
	CHECK(atomic_load(&stage.window->reaped[0].time_ns));
	/* The client can write there what it likes. */
	atomic_store(&stage.window->reaped_count, UINT64_MAX);
	stage_invoke(&stage, 1, "f", "");
	stage_exit(&stage, 1, "");
	stage_expect(&stage, 1, METT_OK);
	count = atomic_load(&stage.window->reaped_count);
	CHECK_EQ(count, 0);
	CHECK_EQ(atomic_load(&stage.window->reaped[WINDOW_REAPED - 1].activation), 2);
	stage_close(&stage);
}

TEST(a_parked_worker_that_ends_is_no_activations_end)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_ends(&stage, 1, 9, 0);
	CHECK_EQ(atomic_load(&stage.window->reaped_count), 1);
	stage_close(&stage);
}

/* What it sent last may hold its own end of the gate: then it is gone, and nothing says so. */
TEST(who_takes_nothing_for_long_is_dismissed)
{
	struct stage stage;

	stage_open(&stage, 1);
	fake_room(1);
	for (uint32_t tag = 0; tag < 3; tag++)
		stage_invoke(&stage, tag, "nothing", "");
	stage_wait(&stage, METT_UNREAD_MS - 1);
	CHECK(!stage.session->closed);
	stage_expect(&stage, 0, METT_NO_ACTION);
	stage_turn(&stage);
	stage_wait(&stage, METT_UNREAD_MS - 1);
	CHECK(!stage.session->closed);
	stage_wait(&stage, 2);
	CHECK(stage.session->closed);
	stage_close(&stage);
}

TEST(who_has_taken_all_may_wait)
{
	struct stage stage;

	stage_open(&stage, 1);
	fake_room(1);
	stage_invoke(&stage, 0, "nothing", "");
	stage_invoke(&stage, 1, "nothing", "");
	stage_expect(&stage, 0, METT_NO_ACTION);
	stage_turn(&stage);
	stage_wait(&stage, 2 * METT_UNREAD_MS);
	CHECK(!stage.session->closed);
	stage_expect(&stage, 1, METT_NO_ACTION);
	stage_close(&stage);
}

TEST(what_cannot_be_sent_for_now_is_sent_later)
{
	struct stage stage;

	stage_open(&stage, 1);
	fake_break_send(stage.session->gate, -ETOOMANYREFS);
	stage_invoke(&stage, 0, "nothing", "");
	stage_invoke(&stage, 1, "nothing", "");
	stage_turn(&stage);
	CHECK(fake_idle(stage.session->loop)); /* nothing tells when there is enough again */
	fake_break_send(stage.session->gate, -ENOMEM);
	stage_wait(&stage, 10);
	stage_turn(&stage);
	CHECK(!stage.session->closed);
	stage_wait(&stage, 10);
	stage_expect(&stage, 0, METT_NO_ACTION);
	stage_turn(&stage);
	stage_expect(&stage, 1, METT_NO_ACTION);
	stage_wait(&stage, 2 * METT_UNREAD_MS);
	CHECK(!stage.session->closed);
	stage_close(&stage);
}

TEST(an_answer_whose_dataspace_cannot_be_sent_is_a_failure)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = 100000};
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	stage_invoke(&stage, 1, "f", "");
	sys_cap space = stage_space(&stage, 1, message.size, METT_OK);
	fake_break_send(stage.session->gate, -ETOOMANYREFS);
	CHECK_EQ(fake_worker_says(fake_worker(1), &message, sizeof(message), &space, 1), 0);
	sys_cap_close(space);
	stage_turn(&stage);
	stage_expect_text(&stage, 1, METT_NO_MEMORY, "to pass the answer on");
	stage_bury(&stage);
	stage_close(&stage);
}

TEST(who_hangs_up_before_what_is_sent_later_has_left)
{
	struct stage stage;

	stage_open(&stage, 1);
	fake_break_send(stage.session->gate, -ETOOMANYREFS);
	stage_invoke(&stage, 0, "nothing", "");
	stage_turn(&stage);
	sys_cap_close(stage.gate);
	stage.gate = SYS_NO_CAP;
	stage_turn(&stage);
	CHECK(!stage.session->closed);
	stage_wait(&stage, 10);
	CHECK(stage.session->closed);
	stage_close(&stage);
}

TEST(what_came_without_its_dataspace_is_refused)
{
	struct stage stage;

	stage_open(&stage, 1);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	fake_break_recv(stage.session->gate, SYS_CUT);
	stage_invoke_large(&stage, 1, "f", 100000);
	stage_expect_text(&stage, 1, METT_NO_MEMORY, "no descriptors");
	fake_break_recv(stage.session->gate, SYS_CUT);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "g", METT_POLICY_FORK), METT_NO_MEMORY);
	CHECK_EQ(stage_create(&stage, MESSAGE_CREATE, "g", METT_POLICY_FORK), METT_OK);
	CHECK(!stage.session->closed);
	stage_close(&stage);
}

TEST(who_sends_a_dataspace_nobody_asked_for_is_dismissed_cut_or_not)
{
	struct message_claim claim = {.header.type = MESSAGE_CLAIM};
	struct stage stage;

	stage_open(&stage, 1);
	fake_break_recv(stage.session->gate, SYS_CUT);
	stage_send(&stage, &claim, sizeof(claim), SYS_NO_CAP);
	CHECK(stage.session->closed);
	stage_close(&stage);
}
