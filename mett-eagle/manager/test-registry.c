/* The whole server, with its threads: who comes in, who does not, and how it ends. */
#include "registry.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>

#include "test-stage.h"

struct play {
	struct server server;
	sys_cap door;
	sys_cap stop[2];
	struct sys_watch stopper;
	pthread_t thread;
	int result;
};

struct client {
	sys_cap gate;
	sys_cap window;
	uint32_t core;
};

static struct play *playing;

static void told_to_stop(struct sys_watch *watch)
{
	struct sys_received got;
	char byte;

	CHECK_EQ(sys_gate_recv(watch->cap, &byte, 1, &got), 0);
	server_stop(&playing->server);
}

static void *run(void *data)
{
	struct play *play = data;

	play->result = server_run(&play->server, play->door);
	return NULL;
}

static void play_open(struct play *play, enum cores_policy policy)
{
	struct server_config config = stage_config(1);

	config.core_policy = policy;
	*play = (struct play){.stopper = {.ready = told_to_stop, .cap = SYS_NO_CAP}};
	playing = play;
	fake_threads(1);
	play->door = fake_door();
	CHECK_EQ(server_init(&play->server, &config, NULL), 0);
	CHECK_EQ(sys_gate_pair(play->stop), 0);
	CHECK_EQ(sys_loop_watch(play->server.loop, &play->stopper, play->stop[0]), 0);
	CHECK_EQ(pthread_create(&play->thread, NULL, run, play), 0);
}

static void play_stop(struct play *play)
{
	CHECK_EQ(sys_gate_send(play->stop[1], "x", 1, NULL, 0), 0);
}

static void play_close(struct play *play)
{
	pthread_join(play->thread, NULL);
	CHECK_EQ(play->result, 0);
	sys_loop_unwatch(play->server.loop, &play->stopper);
	CHECK_EQ(cap_used(play->server.caps), 0);
	server_deinit(&play->server);
	sys_cap_close(play->door);
	sys_cap_close(play->stop[0]);
	sys_cap_close(play->stop[1]);
	CHECK_EQ(fake_left(), 0);
}

static int hear(sys_cap gate, void *data, size_t size, struct sys_received *got)
{
	int result;

	do {
		CHECK_EQ(sys_gate_wait(gate, 0, 0), 0);
		result = sys_gate_recv(gate, data, size, got);
	} while (result == SYS_AGAIN);
	return result;
}

/* Returns METT_GONE when the server hangs up without a word. */
static enum mett_reason join_by(struct play *play, const struct message_register *message,
                                size_t size, struct client *ret)
{
	struct {
		struct message_registered fixed;
		char text[METT_MESSAGE_MAX];
	} answer;
	struct sys_received got;
	sys_cap gate = fake_knock(play->door);
	int result;

	result = sys_gate_send(gate, message, size, NULL, 0);
	if (!result)
		result = hear(gate, &answer, sizeof(answer), &got);
	sys_cap_close(gate);
	if (result)
		return METT_GONE;
	CHECK_EQ(message_check(&answer, got.size, got.cap_count, FROM_SERVER), MESSAGE_REGISTERED);
	CHECK_EQ(answer.fixed.header.tag, 9);
	CHECK_EQ(got.cap_count, answer.fixed.reason ? 0 : 2);
	CHECK_EQ(got.size > sizeof(answer.fixed), answer.fixed.reason != METT_OK);
	if (!answer.fixed.reason) {
		CHECK_EQ(answer.fixed.payload_max, 1 << 20);
		*ret = (struct client){got.caps[0], got.caps[1], answer.fixed.core};
	}
	return answer.fixed.reason;
}

static enum mett_reason join_as(struct play *play, uint32_t version, struct client *ret)
{
	const struct message_register message = {.header = {MESSAGE_REGISTER, 9},
	                                         .version = version};

	return join_by(play, &message, sizeof(message), ret);
}

static enum mett_reason join(struct play *play, struct client *ret)
{
	return join_as(play, PROTOCOL_VERSION, ret);
}

static void leave(struct client *client)
{
	sys_cap_close(client->gate);
	sys_cap_close(client->window);
}

static enum mett_reason ask(struct client *client, const void *data, size_t size, sys_cap cap)
{
	struct heard heard;

	CHECK_EQ(sys_gate_send(client->gate, data, size, &cap, cap != SYS_NO_CAP), 0);
	sys_cap_close(cap);
	if (hear(client->gate, heard.room, sizeof(heard.room), &heard.got))
		return METT_GONE;
	sys_received_close(&heard.got);
	return heard.header.type == MESSAGE_DONE ? heard.done.reason : heard.status.reason;
}

static enum mett_reason create(struct client *client)
{
	struct message_create message = {.header.type = MESSAGE_CREATE};

	message_name_set(&message.name, "f");
	return ask(client, &message, sizeof(message), stage_program());
}

static enum mett_reason invoke(struct client *client)
{
	struct message_invoke message = {.header.type = MESSAGE_INVOKE};

	message_name_set(&message.name, "f");
	return ask(client, &message, sizeof(message), SYS_NO_CAP);
}

static void *come_invoke_leave(void *data)
{
	for (int i = 0; i < 5; i++) {
		struct client client;

		CHECK_EQ(join(data, &client), METT_OK);
		CHECK(client.core == 3 || client.core == 5);
		CHECK_EQ(create(&client), METT_OK);
		for (int j = 0; j < 50; j++)
			CHECK_EQ(invoke(&client), METT_OK);
		leave(&client);
	}
	return NULL;
}

TEST_TIMEOUT(clients_come_and_go_at_once, 240)
{
	struct play play;
	pthread_t threads[2];

	fake_automatic(1);
	play_open(&play, CORES_SHARE);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, come_invoke_leave, &play), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	play_stop(&play);
	play_close(&play);
}

TEST(a_core_is_free_again_when_its_client_left)
{
	struct client first, second, third;
	struct play play;
	enum mett_reason reason;

	play_open(&play, CORES_REFUSE);
	CHECK_EQ(join(&play, &first), METT_OK);
	CHECK_EQ(join(&play, &second), METT_OK);
	CHECK(first.core != second.core);
	CHECK_EQ(join(&play, &third), METT_NO_CORE);
	leave(&first);
	while ((reason = join(&play, &third)) == METT_NO_CORE)
		sched_yield();
	CHECK_EQ(reason, METT_OK);
	CHECK_EQ(third.core, first.core);
	leave(&second);
	leave(&third);
	play_stop(&play);
	play_close(&play);
}

TEST(so_many_clients_and_no_more)
{
	struct client clients[5];
	struct play play;

	play_open(&play, CORES_SHARE);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(join(&play, &clients[i]), METT_OK);
	CHECK_EQ(join(&play, &clients[4]), METT_BUSY);
	for (int i = 0; i < 4; i++)
		leave(&clients[i]);
	play_stop(&play);
	play_close(&play);
}

TEST(who_speaks_another_protocol_is_told)
{
	struct client client;
	struct play play;

	play_open(&play, CORES_SHARE);
	CHECK_EQ(join_as(&play, PROTOCOL_VERSION + 1, &client), METT_BAD_ARGUMENT);
	/* Without a namespace, as the first one was. */
	struct message_register message = {.header = {MESSAGE_REGISTER, 9}, .version = 1};
	size_t size = offsetof(struct message_register, space);
	CHECK_EQ(join_by(&play, &message, size, &client), METT_BAD_ARGUMENT);
	CHECK_EQ(join_by(&play, &message, size - 8, &client), METT_GONE);
	message.version = PROTOCOL_VERSION;
	CHECK_EQ(join_by(&play, &message, size, &client), METT_GONE);
	play_stop(&play);
	play_close(&play);
}

TEST(who_knocks_with_rubbish_or_not_at_all_is_turned_away)
{
	struct message_list message = {.header.type = MESSAGE_LIST};
	struct client client;
	struct play play;
	sys_cap gates[REGISTRY_KNOCKING_MAX + 1], gate;
	struct sys_received got;
	char byte;

	play_open(&play, CORES_SHARE);
	gate = fake_knock(play.door);
	CHECK_EQ(sys_gate_send(gate, &message, sizeof(message), NULL, 0), 0);
	CHECK_EQ(hear(gate, &byte, 1, &got), SYS_CLOSED);
	sys_cap_close(gate);
	/* One too many: the oldest goes. */
	for (int i = 0; i <= REGISTRY_KNOCKING_MAX; i++)
		gates[i] = fake_knock(play.door);
	CHECK_EQ(hear(gates[0], &byte, 1, &got), SYS_CLOSED);
	CHECK_EQ(join(&play, &client), METT_OK);
	CHECK_EQ(sys_gate_recv(gates[REGISTRY_KNOCKING_MAX], &byte, 1, &got), SYS_AGAIN);
	fake_clock_advance((REGISTRY_PATIENCE_MS + 1) * STAGE_MS);
	for (int i = 1; i <= REGISTRY_KNOCKING_MAX; i++)
		CHECK_EQ(hear(gates[i], &byte, 1, &got), SYS_CLOSED);
	for (int i = 0; i <= REGISTRY_KNOCKING_MAX; i++)
		sys_cap_close(gates[i]);
	leave(&client);
	play_stop(&play);
	play_close(&play);
}

TEST(without_descriptors_the_door_is_shut_for_a_while)
{
	struct server_config config = stage_config(1);
	struct registry registry;
	struct server server;
	sys_cap door = fake_door(), gate;

	CHECK_EQ(server_init(&server, &config, NULL), 0);
	CHECK_EQ(registry_open(&registry, &server, door), 0);
	fake_door_fails(-EMFILE);
	gate = fake_knock(door);
	CHECK_EQ(sys_loop_run(server.loop, 0), 0);
	CHECK(fake_idle(server.loop));
	uint64_t open_ns = registry_next(&registry);
	CHECK(open_ns);
	fake_door_fails(0);
	registry_expire(&registry, open_ns - 1);
	CHECK(fake_idle(server.loop));
	fake_fail(0);
	registry_expire(&registry, open_ns);
	CHECK(fake_failed());
	open_ns = registry_next(&registry);
	registry_expire(&registry, open_ns);
	CHECK(!fake_idle(server.loop));
	CHECK_EQ(sys_loop_run(server.loop, 0), 0);
	CHECK_EQ(registry.knocking_count, 1);
	/* With somebody there, who only knocks goes first. */
	sys_cap_close(fake_knock(door));
	fake_door_fails(-EMFILE);
	CHECK_EQ(sys_loop_run(server.loop, 0), 0);
	CHECK_EQ(registry.knocking_count, 0);
	registry_close(&registry);
	registry_close(&registry);
	CHECK_EQ(registry_next(&registry), 0);
	server_deinit(&server);
	sys_cap_close(door);
	sys_cap_close(gate);
	CHECK_EQ(fake_left(), 0);
}

TEST(a_registration_without_memory_is_refused_and_leaves_nothing)
{
	struct client client;
	struct play play;
	enum mett_reason reason;
	unsigned after = 0, refused = 0;

	play_open(&play, CORES_SHARE);
	CHECK_EQ(join(&play, &client), METT_OK); /* the server is up */
	leave(&client);
	do {
		/* All that the last one had is gone: only the door and what stops us is left. */
		while (fake_caps() != 3)
			sched_yield();
		fake_fail(after++);
		reason = join(&play, &client);
		if (reason == METT_OK)
			leave(&client);
		else
			CHECK(reason == METT_NO_MEMORY || reason == METT_GONE);
		refused += reason == METT_NO_MEMORY;
	} while (fake_failed());
	CHECK(refused >= 6);
	play_stop(&play);
	play_close(&play);
}

/* Told to stop while an activation waits for its zygote. */
static void open_and_stop(struct play *play, struct client *client)
{
	struct message_invoke message = {.header.type = MESSAGE_INVOKE};

	play_open(play, CORES_SHARE);
	CHECK_EQ(join(play, client), METT_OK);
	CHECK_EQ(create(client), METT_OK);
	message_name_set(&message.name, "f");
	CHECK_EQ(sys_gate_send(client->gate, &message, sizeof(message), NULL, 0), 0);
	while (!fake_sandboxes())
		sched_yield();
	play_stop(play);
	while (!atomic_load(&play->server.draining))
		sched_yield();
}

TEST(a_drain_ends_with_the_last_activation)
{
	struct client client;
	struct play play;
	struct heard heard;
	char byte;

	open_and_stop(&play, &client);
	CHECK_EQ(invoke(&client), METT_GONE);
	sys_cap late = fake_knock(play.door);
	fake_automatic(1);
	fake_sandbox_ready(fake_sandbox(0));
	CHECK_EQ(hear(client.gate, heard.room, sizeof(heard.room), &heard.got), 0);
	CHECK_EQ(heard.done.reason, METT_OK);
	CHECK_EQ(hear(client.gate, &byte, 1, &heard.got), SYS_CLOSED);
	leave(&client);
	sys_cap_close(late);
	play_close(&play);
}

TEST(a_drain_has_an_end)
{
	struct client client;
	struct play play;
	struct sys_received got;
	char byte;

	open_and_stop(&play, &client);
	fake_clock_advance(1001 * STAGE_MS);
	CHECK_EQ(hear(client.gate, &byte, 1, &got), SYS_CLOSED);
	leave(&client);
	play_close(&play);
}

TEST(told_twice_it_ends_at_once)
{
	struct client client;
	struct play play;
	struct sys_received got;
	char byte;

	open_and_stop(&play, &client);
	play_stop(&play);
	CHECK_EQ(hear(client.gate, &byte, 1, &got), SYS_CLOSED);
	leave(&client);
	play_close(&play);
}
