/* Rings and the recorder that reads them; whoever it is, nothing here is hurt by it. */
#include "test-stage.h"

#include <errno.h>
#include <string.h>

#include "activation.h"
#include "record.h"
#include "spaces.h"

enum { SMALL = sizeof(struct record_memory), ROUNDS = 2000 };

/* What a recorder has of a stage. */
struct listener {
	sys_cap gate;
	struct record_ring *ring; /* of the first session */
	uint64_t tail;
};

/* A stage whose session is in a named namespace. */
static void open_stage(struct stage *stage)
{
	char why[METT_MESSAGE_MAX];
	struct space *space;

	fake_user(FAKE_USER);
	stage_open(stage, 1);
	CHECK_EQ(spaces_enter(&stage->server, "u1000", FAKE_USER, &space, why), METT_OK);
	space_join(space, stage->session);
}

static enum mett_reason register_as(struct stage *stage, uint32_t user, uint32_t version,
                                    struct listener *ret)
{
	struct message_record message = {{MESSAGE_RECORD, 5}, version, 0};
	struct heard heard;
	sys_cap ends[2];

	*ret = (struct listener){.gate = SYS_NO_CAP};
	CHECK_EQ(sys_gate_pair(ends), 0);
	fake_user(user);
	bool taken = recorder_register(&stage->server.recorder, ends[0], &message);
	CHECK_EQ(sys_gate_recv(ends[1], heard.room, sizeof(heard.room), &heard.got), 0);
	CHECK_EQ(heard.header.tag, 5);
	if (!taken) {
		CHECK_EQ(message_check(heard.room, heard.got.size, 0, FROM_SERVER), MESSAGE_STATUS);
		sys_cap_close(ends[0]);
		sys_cap_close(ends[1]);
		return heard.status.reason;
	}
	CHECK_EQ(message_check(heard.room, heard.got.size, heard.got.cap_count, FROM_SERVER),
	         MESSAGE_RECORDING);
	*ret = (struct listener){.gate = ends[1]};
	return METT_OK;
}

static enum message_type hear(struct listener *listener, struct sys_received *got)
{
	_Alignas(8) unsigned char data[MESSAGE_MAX];

	if (sys_gate_recv(listener->gate, data, sizeof(data), got))
		return MESSAGE_NONE;
	return message_check(data, got->size, got->cap_count, FROM_SERVER);
}

static void take_ring(struct stage *stage, struct listener *listener)
{
	struct sys_received got;
	void *memory;

	stage_turn(stage);
	CHECK_EQ(hear(listener, &got), MESSAGE_RING);
	CHECK_EQ(sys_map(got.caps[0], sizeof(*listener->ring), 1, &memory), 0);
	sys_received_close(&got);
	listener->ring = memory;
	listener->tail = atomic_load(&listener->ring->tail);
}

static void listen_to(struct stage *stage, struct listener *ret)
{
	CHECK_EQ(register_as(stage, FAKE_USER, PROTOCOL_VERSION, ret), METT_OK);
	take_ring(stage, ret);
}

static void leave(struct stage *stage, struct listener *listener)
{
	sys_cap_close(listener->gate);
	sys_unmap(listener->ring, sizeof(*listener->ring));
	CHECK_EQ(sys_loop_run(stage->server.loop, 1), 0);
}

static int take(struct listener *listener, union record_copy *ret)
{
	return record_take(listener->ring, &listener->tail, ret);
}

static void take_outcome(struct listener *listener, enum mett_reason reason, union record_copy *ret)
{
	CHECK_EQ(take(listener, ret), 1);
	CHECK_EQ(ret->header.kind, RECORD_OUTCOME);
	CHECK_EQ(ret->outcome.reason, reason);
}

static bool text_is(const union record_copy *copy, const char *text, const char *log)
{
	const char *there = (const char *)(&copy->outcome + 1);

	return copy->outcome.text_size == strlen(text) && copy->outcome.log_size == strlen(log) &&
	       !memcmp(there, text, strlen(text)) &&
	       !memcmp(there + strlen(text), log, strlen(log));
}

TEST(an_outcome_is_written_behind_its_answer)
{
	struct listener listener;
	union record_copy copy;
	struct stage stage;

	open_stage(&stage);
	listen_to(&stage, &listener);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	take_outcome(&listener, METT_OK, &copy);
	CHECK_STR(copy.outcome.action, "f");
	CHECK_STR(copy.outcome.caller, "");
	CHECK_EQ(copy.outcome.version, 1);
	CHECK_EQ(copy.outcome.depth, 1);
	CHECK_EQ(copy.outcome.calls, 1);
	CHECK(text_is(&copy, "", ""));
	CHECK_EQ(take(&listener, &copy), 0);
	unsigned worker = fake_workers() - 1;
	stage_invoke(&stage, 1, "f", "");
	fake_worker_writes(fake_worker(worker), "what it says");
	fake_worker_used(fake_worker(worker), 4711);
	stage_ends(&stage, worker, 11, 0);
	stage_expect(&stage, 1, METT_CRASHED);
	take_outcome(&listener, METT_CRASHED, &copy);
	CHECK_EQ(copy.outcome.detail, 11);
	CHECK(copy.outcome.text_size > 0);
	CHECK_EQ(copy.outcome.log_size, strlen("what it says"));
	uint64_t id = copy.outcome.id;
	CHECK_EQ(take(&listener, &copy), 1);
	CHECK_EQ(copy.header.kind, RECORD_MEMORY);
	CHECK_EQ(copy.memory.id, id);
	CHECK_EQ(copy.memory.memory, 4711);
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	leave(&stage, &listener);
	stage_close(&stage);
}

TEST(who_is_cancelled_is_recorded_too)
{
	struct listener listener;
	union record_copy copy;
	struct stage stage;

	open_stage(&stage);
	listen_to(&stage, &listener);
	stage_ready(&stage, "g", METT_POLICY_FORK);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	take_outcome(&listener, METT_OK, &copy);
	take_outcome(&listener, METT_OK, &copy);
	unsigned worker = fake_workers() - 1;
	stage_invoke(&stage, 1, "f", "");
	stage_calls(&stage, worker, 1, "g", "");
	stage_ends(&stage, worker, 0, 3);
	stage_expect(&stage, 1, METT_EXITED);
	take_outcome(&listener, METT_EXITED, &copy);
	uint64_t id = copy.outcome.id;
	take_outcome(&listener, METT_GONE, &copy);
	CHECK_STR(copy.outcome.action, "g");
	CHECK_STR(copy.outcome.caller, "f");
	CHECK_EQ(copy.outcome.parent, id);
	CHECK_EQ(copy.outcome.depth, 2);
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	CHECK_EQ(stage_delete(&stage, "g"), METT_OK);
	leave(&stage, &listener);
	stage_close(&stage);
}

TEST(what_is_private_is_not_recorded)
{
	struct listener listener;
	struct sys_received got;
	struct stage stage;

	stage_open(&stage, 1);
	CHECK_EQ(register_as(&stage, FAKE_USER, PROTOCOL_VERSION, &listener), METT_OK);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	CHECK_EQ(hear(&listener, &got), MESSAGE_NONE);
	CHECK(!stage.session->ring.memory);
	leave(&stage, &listener);
	stage_close(&stage);
}

TEST(only_one_and_only_ours)
{
	struct listener listener, other;
	struct stage stage;

	open_stage(&stage);
	CHECK_EQ(register_as(&stage, FAKE_USER + 1, PROTOCOL_VERSION, &other), METT_DENIED);
	CHECK_EQ(register_as(&stage, FAKE_USER, PROTOCOL_VERSION + 1, &other), METT_BAD_ARGUMENT);
	listen_to(&stage, &listener);
	CHECK_EQ(register_as(&stage, 0, PROTOCOL_VERSION, &other), METT_BUSY);
	sys_cap_close(listener.gate);
	/* The next one may come before the server has heard that. */
	CHECK_EQ(register_as(&stage, 0, PROTOCOL_VERSION, &other), METT_OK);
	listener.gate = other.gate;
	leave(&stage, &listener);
	stage_close(&stage);
}

/* It reads on where the last one stopped. */
TEST(the_next_recorder_gets_the_same_ring)
{
	struct listener first, next;
	union record_copy copy;
	struct stage stage;

	open_stage(&stage);
	listen_to(&stage, &first);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	leave(&stage, &first);
	stage_invoke(&stage, 1, "none", "");
	stage_expect(&stage, 1, METT_NO_ACTION);
	listen_to(&stage, &next);
	take_outcome(&next, METT_OK, &copy);
	CHECK_EQ(take(&next, &copy), 0);
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	leave(&stage, &next);
	stage_close(&stage);
}

/* Write a record of some size; false: there is no room. */
static bool put(struct stage *stage, size_t size, uint64_t id)
{
	struct record record = {.header = {(uint32_t)size, RECORD_OUTCOME}, .id = id};
	unsigned char *place = ring_claim(&stage->session->ring, size);
	const unsigned char *data = stage->session->ring.memory->data;

	if (!place)
		return false;
	CHECK(place >= data && place + size <= data + RECORD_ROOM);
	memset(place, 0, size);
	memcpy(place, &record, sizeof(record));
	ring_publish(stage->session, size);
	return true;
}

TEST(a_full_ring_loses_records_and_counts_them)
{
	struct listener listener;
	union record_copy copy;
	struct stage stage;
	uint64_t next = 1, want = 1;
	size_t size = sizeof(struct record);

	open_stage(&stage);
	listen_to(&stage, &listener);
	/* Sizes that do not divide the ring's: it wraps in many ways. */
	for (int round = 0; round < 20; round++) {
		while (put(&stage, size, next))
			next++, size = size >= 9000 ? sizeof(struct record) : size + 328;
		CHECK_EQ(atomic_load(&listener.ring->dropped), round + 1);
		while (take(&listener, &copy) == 1) {
			CHECK_EQ(copy.outcome.id, want);
			want++;
		}
		CHECK_EQ(want, next);
		atomic_store(&listener.ring->tail, listener.tail);
	}
	CHECK(next > 20 * 100);
	leave(&stage, &listener);
	stage_close(&stage);
}

TEST(a_mad_tail_only_loses_records)
{
	struct listener listener;
	struct stage stage;
	uint64_t state = 1;
	unsigned written = 0;

	open_stage(&stage);
	listen_to(&stage, &listener);
	for (int i = 0; i < ROUNDS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		atomic_store(&listener.ring->tail,
		             i % 2 ? state : stage.session->ring.head + (state >> 60) - 8);
		memset(&listener.ring->head, (int)(state >> 56), sizeof(listener.ring->head));
		written += put(&stage, sizeof(struct record) + 8 * (state >> 54), 1);
	}
	CHECK(written > 0 && written < ROUNDS);
	/* It goes on when the tail makes sense again. */
	atomic_store(&listener.ring->tail, stage.session->ring.head);
	CHECK(put(&stage, sizeof(struct record), 1));
	leave(&stage, &listener);
	stage_close(&stage);
}

TEST(rubbish_is_no_record)
{
	static struct record_ring ring;
	union record_copy copy;
	uint64_t state = 7;
	unsigned refused = 0;

	for (int i = 0; i < 20 * ROUNDS; i++) {
		uint64_t tail = 0;
		int result = 1;

		for (size_t at = 0; at < 512; at += 4) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			uint32_t word =
				state >> 62 ? (uint32_t)(state >> 53) : (uint32_t)(state >> 32);
			memcpy(ring.data + at, &word, 4);
		}
		/* Often right as far as its beginning goes. */
		struct record_header header = {(uint32_t)(state >> 55) & ~7u, (uint32_t)i % 4};
		memcpy(ring.data, &header, sizeof(header));
		atomic_store(&ring.head, state >> 30 & 1 ? 512 : state >> 32);
		for (int steps = 0; steps < 100 && result > 0; steps++) {
			result = record_take(&ring, &tail, &copy);
			if (result > 0 && copy.header.kind == RECORD_OUTCOME)
				CHECK(copy.outcome.text_size + copy.outcome.log_size <=
				      sizeof(copy) - sizeof(copy.outcome));
		}
		CHECK(result == 0 || result == -EPROTO);
		refused += result < 0;
	}
	CHECK(refused > ROUNDS);
}

TEST(who_sleeps_is_woken_once)
{
	struct listener listener;
	struct sys_received got;
	struct stage stage;

	open_stage(&stage);
	listen_to(&stage, &listener);
	CHECK(put(&stage, SMALL + sizeof(struct record), 1));
	CHECK_EQ(hear(&listener, &got), MESSAGE_NONE);
	atomic_store(&listener.ring->asleep, 1);
	CHECK(put(&stage, sizeof(struct record), 2));
	CHECK(put(&stage, sizeof(struct record), 3));
	CHECK_EQ(hear(&listener, &got), MESSAGE_BELL);
	CHECK_EQ(hear(&listener, &got), MESSAGE_NONE);
	CHECK_EQ(atomic_load(&listener.ring->asleep), 0);
	leave(&stage, &listener);
	/* Nor does it matter when nobody is there to be woken. */
	stage_close(&stage);
}

TEST(without_memory_for_a_ring_it_is_tried_again)
{
	struct listener listener;
	struct stage stage;

	for (unsigned after = 0; after < 2; after++) {
		open_stage(&stage);
		CHECK_EQ(register_as(&stage, FAKE_USER, PROTOCOL_VERSION, &listener), METT_OK);
		fake_fail(after);
		CHECK_EQ(session_turn(stage.session), 0);
		CHECK(fake_failed());
		CHECK(!stage.session->ring.memory);
		stage_turn(&stage);
		CHECK(!stage.session->ring.memory);
		fake_clock_advance(1000 * STAGE_MS);
		take_ring(&stage, &listener);
		leave(&stage, &listener);
		stage_close(&stage);
	}
}

/* Its name can be another owner's from then on. */
TEST(a_namespace_that_was_deleted_is_recorded_no_more)
{
	struct message_space message = {.header = {MESSAGE_SPACE_CREATE, 77}};
	struct listener listener;
	union record_copy copy;
	struct stage stage;
	struct sys_received got;
	struct space *space;
	char why[METT_MESSAGE_MAX];

	fake_user(FAKE_USER);
	stage_open(&stage, 1);
	message_name_set(&message.name, "team");
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK_EQ(stage_status(&stage, NULL, NULL), METT_OK);
	CHECK_EQ(spaces_enter(&stage.server, "team", FAKE_USER, &space, why), METT_OK);
	space_join(space, stage.session);
	listen_to(&stage, &listener);
	stage_ready(&stage, "f", METT_POLICY_FORK);
	take_outcome(&listener, METT_OK, &copy);
	stage_invoke(&stage, 1, "f", "");
	unsigned worker = fake_workers() - 1;
	CHECK_EQ(stage_delete(&stage, "f"), METT_OK);
	message.header.type = MESSAGE_SPACE_DELETE;
	stage_send(&stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK_EQ(stage_status(&stage, NULL, NULL), METT_OK);
	CHECK_EQ(listener.ring->closed, 1);
	stage_exit(&stage, worker, "");
	stage_expect(&stage, 1, METT_OK);
	while (take(&listener, &copy) > 0)
		CHECK(copy.header.kind != RECORD_OUTCOME);
	leave(&stage, &listener);
	CHECK_EQ(register_as(&stage, FAKE_USER, PROTOCOL_VERSION, &listener), METT_OK);
	stage_turn(&stage);
	CHECK_EQ(hear(&listener, &got), MESSAGE_NONE);
	sys_cap_close(listener.gate);
	stage_close(&stage);
}
