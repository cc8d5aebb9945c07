/*
 * Memory and descriptors run out at every place in turn, in the middle of all
 * that a session does. Whatever fails, each invocation has one outcome, or the
 * client is let go, and nothing is left behind.
 */
#include <string.h>

#include "test-stage.h"

enum { WORKERS_MAX = 4096, TAGS = 4 };

/* What the zygotes and workers of a play have done so far. */
static struct {
	bool zygote_up[WORKERS_MAX];
	bool parked[WORKERS_MAX];
	bool ended[WORKERS_MAX];
	unsigned asked[WORKERS_MAX]; /* in so many activations */
	unsigned answered[WORKERS_MAX];
} done;

static void say_exit(unsigned number, sys_cap cap)
{
	struct message_exit message = {.header.type = MESSAGE_EXIT};

	if (cap != SYS_NO_CAP)
		message.size = METT_INLINE_MAX + 1;
	fake_worker_says(fake_worker(number), &message, sizeof(message), &cap, cap != SYS_NO_CAP);
	done.answered[number]++;
}

/* f invokes g, and g asks for memory for its answer; both then wait for what comes. */
static void ask(unsigned number)
{
	struct message_invoke invoke = {.header.type = MESSAGE_INVOKE};
	struct message_dataspace space = {.header.type = MESSAGE_DATASPACE,
	                                  .size = METT_INLINE_MAX + 1};
	struct sys_worker *worker = fake_worker(number);

	message_name_set(&invoke.name, "g");
	if (sys_worker_window(worker)->activation.name[0] == 'f')
		fake_worker_says(worker, &invoke, sizeof(invoke), NULL, 0);
	else
		fake_worker_says(worker, &space, sizeof(space), NULL, 0);
	done.asked[number]++;
}

static bool listen(unsigned number)
{
	struct heard heard;

	if (fake_worker_hears(fake_worker(number), heard.room, sizeof(heard.room), &heard.got))
		return false;
	if (heard.header.type == MESSAGE_STATUS)
		say_exit(number, heard.got.cap_count ? heard.got.caps[0] : SYS_NO_CAP);
	else if (heard.header.type == MESSAGE_DONE)
		say_exit(number, SYS_NO_CAP);
	sys_received_close(&heard.got);
	return true;
}

/* One step of one worker; false: it waits. */
static bool act(unsigned number)
{
	struct sys_worker *worker = fake_worker(number);

	if (!worker || done.ended[number])
		return false;
	if (fake_worker_killed(worker)) {
		done.ended[number] = true;
		fake_worker_ends(worker, SYS_SIGNAL_KILLED, 0);
		return true;
	}
	if (!done.parked[number]) {
		done.parked[number] = true;
		fake_worker_parks(worker);
		return true;
	}
	if (done.answered[number] == fake_worker_awake(worker))
		return false;
	if (done.asked[number] < fake_worker_awake(worker)) {
		listen(number); /* to its argument */
		ask(number);
		return true;
	}
	return listen(number);
}

static void play(struct stage *stage)
{
	bool more = true;

	while (more && !stage->session->closed) {
		more = false;
		for (unsigned i = 0; i < fake_sandboxes(); i++)
			if (fake_sandbox(i) && !done.zygote_up[i]) {
				done.zygote_up[i] = more = true;
				fake_sandbox_ready(fake_sandbox(i));
			}
		for (unsigned i = 0; i < fake_workers(); i++)
			more |= act(i);
		stage_turn(stage);
	}
}

/* All is said: is there one outcome for each? */
static void count_outcomes(struct stage *stage)
{
	unsigned outcomes[TAGS] = {0};
	struct heard heard;

	while (stage_hear(stage, &heard)) {
		sys_received_close(&heard.got);
		if (heard.header.type != MESSAGE_DONE)
			continue;
		CHECK(heard.header.tag < TAGS);
		outcomes[heard.header.tag]++;
		CHECK(heard.done.reason == METT_OK || heard.done.reason == METT_NO_MEMORY ||
		      heard.done.reason == METT_NO_ACTION || heard.done.reason == METT_NO_START ||
		      heard.done.reason == METT_NO_STATE);
		play(stage);
	}
	for (unsigned i = 0; i < TAGS; i++)
		CHECK(outcomes[i] == 1 || (outcomes[i] == 0 && stage->session->closed));
	CHECK(stage->session->closed || stage->session->activation_count == 0);
}

/* Its status is one of many messages then. */
static void create(struct stage *stage, enum message_type type, const char *name,
                   enum mett_policy policy)
{
	struct message_create message = {.header = {type, TAGS}, .policy = policy};

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), stage_program());
}

static void open_it(struct stage *stage, bool named)
{
	struct sys_store *store = NULL;
	char why[METT_MESSAGE_MAX];

	if (named)
		CHECK_EQ(sys_store_open("store", &store, why, sizeof(why)), 0);
	stage_open_space(stage, named ? "u1000" : NULL, store);
}

static bool run_short_of(unsigned after, enum mett_policy policy, unsigned room, bool named)
{
	struct stage stage;

	open_it(&stage, named);
	fake_room(room);
	fake_fail(after);
	create(&stage, MESSAGE_CREATE, "f", policy);
	create(&stage, MESSAGE_CREATE, "g", policy);
	stage_invoke(&stage, 0, "f", "");
	stage_invoke_large(&stage, 1, "g", 100000);
	stage_invoke_timed(&stage, 2, "g", 1000000);
	play(&stage);
	create(&stage, MESSAGE_UPDATE, "f", policy);
	stage_invoke(&stage, 3, "f", "");
	play(&stage);
	bool failed = fake_failed();
	count_outcomes(&stage);
	stage_close(&stage);
	fake_store_forget();
	memset(&done, 0, sizeof(done));
	fake_forget();
	return failed;
}

static void run_all(enum mett_policy policy, unsigned room, bool named)
{
	unsigned after = 0;

	while (run_short_of(after, policy, room, named))
		after++;
	CHECK(after > 20); /* so many places there are at least */
}

TEST(fork_gets_along_without)
{
	run_all(METT_POLICY_FORK, FAKE_ROOM_DEFAULT, false);
}

TEST(spawn_gets_along_without)
{
	run_all(METT_POLICY_SPAWN, FAKE_ROOM_DEFAULT, false);
}

TEST(reuse_gets_along_without)
{
	run_all(METT_POLICY_REUSE, FAKE_ROOM_DEFAULT, false);
}

TEST_TIMEOUT(so_do_named_namespaces, 240)
{
	enum mett_policy last = SANITIZED ? METT_POLICY_FORK : METT_POLICY_REUSE;

	for (enum mett_policy policy = METT_POLICY_FORK; policy <= last; policy++)
		run_all(policy, FAKE_ROOM_DEFAULT, true);
}

/* The next server on what is there: its start, and the programs that come from the store. */
static bool start_short_of(unsigned after)
{
	struct stage stage;
	struct server server;
	struct server_config config = stage_config(1);
	char why[METT_MESSAGE_MAX];

	open_it(&stage, true);
	create(&stage, MESSAGE_DEPLOY, "f", METT_POLICY_FORK);
	create(&stage, MESSAGE_DEPLOY, "g", METT_POLICY_FORK);
	stage_close(&stage);
	CHECK_EQ(sys_store_open("store", &config.store, why, sizeof(why)), 0);
	fake_fail(after);
	int error = server_init(&server, &config, NULL);
	bool failed = fake_failed();
	CHECK(!error || failed);
	if (!error)
		server_deinit(&server);
	sys_store_close(config.store);
	CHECK_EQ(fake_left(), 0);
	/* Nothing of it was taken for damaged. */
	CHECK_EQ(fake_store_aside(), 0);
	CHECK_EQ(fake_store_count(0), 2);
	fake_store_forget();
	return failed;
}

TEST(a_start_without_memory_loses_nothing)
{
	unsigned after = 0;

	while (start_short_of(after))
		after++;
	CHECK(after > 10);
}

TEST(so_do_replies_that_wait)
{
	run_all(METT_POLICY_FORK, 3, false);
}

TEST(a_session_that_cannot_be_made_leaves_nothing)
{
	const struct session_facts facts = {.core = 3};
	struct server_config config = stage_config(1);
	struct server server;
	struct session *session;
	sys_cap gate, window;
	unsigned after = 0;

	for (;; after++) {
		fake_fail(after);
		int error = server_init(&server, &config, NULL);

		if (!error) {
			error = session_make(&server, &facts, &session, &gate, &window);
			if (!error) {
				session_free(session);
				sys_cap_close(gate);
				sys_cap_close(window);
			}
			server_deinit(&server);
		}
		bool failed = fake_failed();
		CHECK_EQ(error < 0, failed);
		CHECK_EQ(fake_left(), 0);
		if (!failed)
			break;
	}
	CHECK(after >= 7);
}
