/*
 * Clients that do not keep to the protocol, at the door and at their gates. The
 * server must stay, serve others all the while, and be as before when they have left.
 */
#include "bystander.h"
#include "fuzz.h"
#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	VISITORS = 3000,
	SESSIONS = 300,
	MESSAGES = 60, /* of one session, at most */
	HALF_OPEN = 1000,
	VANISHING = 300,
	FLOOD = 20000,
	MUTANTS = 200,
};

static struct bystander other;
static char home[16];

static sys_cap echo;
static unsigned char *program;
static size_t program_size;

static void open_scene(void)
{
	struct rlimit files;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
	CHECK_EQ(mett_home_namespace(home, sizeof(home)), 0);
	program = fuzz_read(function_path("echo"), &program_size);
	echo = gate_program(program, program_size);
	bystander_begin(&other, "", METT_POLICY_FORK);
}

/* What they have left in the namespace they shared. */
static void clear_home(void)
{
	struct mett_client *client = enter(&other.server, home);
	struct mett_action_info *actions;
	size_t count;

	/* What they asked for last may still wait for its turn; this comes behind it. */
	put(client, "last", "echo", NULL);
	CHECK_EQ(mett_action_list(client, &actions, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		CHECK_EQ(mett_action_delete(client, actions[i].name, NULL), 0);
	free(actions);
	mett_client_free(client);
}

static void close_scene(void)
{
	clear_home();
	bystander_end(&other);
	sys_cap_close(echo);
	free(program);
}

/* Descriptors of all kinds, some of which would block who reads them, or lie about their size. */
static unsigned make_caps(sys_cap ret[12])
{
	int ends[2], pair[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ret[0] = ends[0];
	ret[1] = ends[1];
	ret[2] = pair[0];
	ret[3] = pair[1];
	ret[4] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	ret[5] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret[6] = open("/", O_PATH | O_CLOEXEC);
	ret[7] = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ret[8] = gate_program("#!/bin/sh\n", 10);
	CHECK_EQ(sys_dataspace_new("unsealed", 100000, 0, &ret[9]), 0);
	ret[10] = gate_program(program, 100000);
	ret[11] = dup(echo);
	for (int i = 0; i < 12; i++)
		CHECK(ret[i] >= 0);
	return 12;
}

static void close_caps(sys_cap *caps, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sys_cap_close(caps[i]);
}

/* Returns the bytes of an environment: often none, and now and then nearly too many. */
static size_t environment(uint64_t *state, char *ret)
{
	unsigned count = fuzz_below(state, 4) ? 0 : fuzz_below(state, 16) ? 3 : 300;
	size_t size = 0;

	for (unsigned i = 0; i < count; i++)
		size += (size_t)sprintf(ret + size, "K%u=%u", i, fuzz_below(state, 10)) + 1;
	return size;
}

static size_t lawful(uint64_t *state, void *data)
{
	static const char *const names[] = {"echo", "a", "b", "c"};
	struct message_create *create = data;
	struct message_invoke *invoke = data;
	struct message_list *list = data;
	struct message_version_of *version = data;
	struct message_space *space = data;
	const char *name = names[fuzz_below(state, 4)];

	switch (fuzz_below(state, 12)) {
	case 0:
		create->header.type = MESSAGE_CREATE;
		message_name_set(&create->name, name);
		create->policy = fuzz_below(state, 4);
		return sizeof(*create) + environment(state, (char *)(create + 1));
	case 1:
		create->header.type = fuzz_below(state, 2) ? MESSAGE_UPDATE : MESSAGE_DEPLOY;
		message_name_set(&create->name, name);
		create->policy = fuzz_below(state, 4);
		return sizeof(*create) + environment(state, (char *)(create + 1));
	case 2:
		create->header.type = MESSAGE_DELETE;
		message_name_set(&create->name, name);
		return sizeof(struct message_delete);
	case 3:
		list->header.type = (enum message_type[]){MESSAGE_LIST, MESSAGE_STATS,
		                                          MESSAGE_SPACES}[fuzz_below(state, 3)];
		return sizeof(*list);
	case 4:
		version->header.type = fuzz_below(state, 2) ? MESSAGE_VERSIONS : MESSAGE_ROLLBACK;
		message_name_set(&version->name, name);
		version->version = fuzz_below(state, 4);
		return sizeof(*version);
	case 5:
		space->header.type = MESSAGE_SPACE_CREATE + fuzz_below(state, 5);
		message_name_set(&space->name, name);
		space->uid = fuzz_below(state, 3);
		space->quota.actions = 100;
		return sizeof(*space);
	default:
		invoke->header = (struct message_header){MESSAGE_INVOKE, fuzz_below(state, 9)};
		message_name_set(&invoke->name, name);
		invoke->size = fuzz_below(state, METT_INLINE_MAX);
		invoke->slot = fuzz_below(state, METT_IN_FLIGHT_MAX);
		invoke->config.timeout_us = fuzz_below(state, 50000);
		return sizeof(*invoke);
	}
}

/* One message, mostly right in most things. 0, SYS_AGAIN, or SYS_CLOSED. */
static int say(uint64_t *state, const struct gate *gate, sys_cap *caps, unsigned count)
{
	static _Alignas(8) unsigned char data[2 * MESSAGE_MAX];
	unsigned with = 0;

	memset(data, 0, sizeof(data));
	size_t size = lawful(state, data);
	const struct message_header *header = (void *)data;
	sys_cap chosen[SYS_CAPS_MAX];

	for (unsigned i = 0; i < SYS_CAPS_MAX; i++)
		chosen[i] = fuzz_below(state, 16) ? caps[fuzz_below(state, count)] : gate->end;
	if (header->type == MESSAGE_CREATE || header->type == MESSAGE_UPDATE ||
	    header->type == MESSAGE_DEPLOY) {
		with = 1;
		if (fuzz_below(state, 4))
			chosen[0] = echo;
	}
	if (!fuzz_below(state, 16))
		with = fuzz_below(state, SYS_CAPS_MAX + 1);
	if (!fuzz_below(state, 4))
		fuzz_mutate(state, data, size);
	if (!fuzz_below(state, 64))
		size = fuzz_below(state, sizeof(data));
	return gate_send(gate, data, size, chosen, with);
}

static void misbehave(uint64_t seed, sys_cap *caps, unsigned count)
{
	uint64_t state = seed;
	unsigned messages = fuzz_below(&state, MESSAGES);
	bool listens = fuzz_below(&state, 4);
	struct gate gate;

	gate_open(&gate, &other.server, fuzz_below(&state, 2) ? home : "");
	gate_create(&gate, MESSAGE_CREATE, "echo", echo);
	while (messages--) {
		if (say(&state, &gate, caps, count) == SYS_CLOSED)
			break;
		if (listens && gate_drain(&gate) == SYS_CLOSED)
			break;
		for (unsigned writes = fuzz_below(&state, 16); writes; writes--) {
			uint64_t value = fuzz_value(&state);

			memcpy((char *)gate.window +
			               8 * fuzz_below(&state, sizeof(*gate.window) / 8),
			       &value, 8);
		}
	}
	gate_close(&gate);
}

TEST_TIMEOUT(sessions_that_misbehave, 600)
{
	sys_cap caps[12];

	open_scene();
	unsigned count = make_caps(caps);
	for (uint64_t seed = 0; seed < SESSIONS; seed++) {
		misbehave(seed, caps, count);
		if (seed % 20 == 0)
			bystander_served(&other);
	}
	close_caps(caps, count);
	close_scene();
}

TEST_TIMEOUT(visitors_that_say_anything, 600)
{
	sys_cap caps[12];

	open_scene();
	unsigned count = make_caps(caps);
	for (uint64_t seed = 0; seed < VISITORS; seed++) {
		struct message_register ask = {{MESSAGE_REGISTER, 1}, PROTOCOL_VERSION, 0};
		uint64_t state = seed;
		sys_cap end = SYS_NO_CAP;

		SOON((end = gate_knock(&other.server)) != SYS_NO_CAP);
		fuzz_mutate(&state, &ask, sizeof(ask));
		for (unsigned words = fuzz_below(&state, 3); words; words--)
			sys_gate_send(end, &ask, fuzz_below(&state, 4) ? sizeof(ask) : words, caps,
			              fuzz_below(&state, 4) ? 0 : 1 + fuzz_below(&state, 4));
		sys_cap_close(end);
		if (seed % 100 == 0)
			bystander_served(&other);
	}
	close_caps(caps, count);
	close_scene();
}

/* They knock and say nothing: others still get in. */
TEST_TIMEOUT(a_thousand_half_open, 300)
{
	static sys_cap ends[HALF_OPEN];

	open_scene();
	for (unsigned i = 0; i < HALF_OPEN; i++)
		SOON((ends[i] = gate_knock(&other.server)) != SYS_NO_CAP);
	mett_client_free(join(&other.server));
	bystander_served(&other);
	CHECK(server_usage(&other.server).fds < other.before.fds + HALF_OPEN / 2);
	close_caps(ends, HALF_OPEN);
	close_scene();
}

/* They register, and some order a worker, and are gone before they can be answered. */
TEST_TIMEOUT(clients_that_vanish, 600)
{
	open_scene();
	for (unsigned i = 0; i < VANISHING; i++) {
		struct message_register ask = {{MESSAGE_REGISTER, 1}, PROTOCOL_VERSION, 0};
		sys_cap end = SYS_NO_CAP;

		if (i % 2) {
			SOON((end = gate_knock(&other.server)) != SYS_NO_CAP);
			sys_gate_send(end, &ask, sizeof(ask), NULL, 0);
			sys_cap_close(end);
			continue;
		}
		struct message_invoke invoke = {.header = {MESSAGE_INVOKE, 1}};
		struct gate gate;

		gate_open(&gate, &other.server, "");
		gate_create(&gate, MESSAGE_CREATE, "echo", echo);
		message_name_set(&invoke.name, "echo");
		for (unsigned calls = i % 8; calls; calls--, invoke.slot++)
			gate_send(&gate, &invoke, sizeof(invoke), NULL, 0);
		if (i % 3 == 0)
			pause_ms(i % 7);
		gate_close(&gate);
	}
	close_scene();
}

/* It asks and does not listen: it is made to wait, and costs no memory for it. */
TEST_TIMEOUT(a_flood_nobody_reads, 300)
{
	static const enum message_type types[] = {MESSAGE_LIST, MESSAGE_INVOKE};
	struct gate gate;

	open_scene();
	for (unsigned kind = 0; kind < 2; kind++) {
		_Alignas(8) unsigned char data[sizeof(struct message_invoke)] = {0};
		size_t size = kind ? sizeof(struct message_invoke) : sizeof(struct message_list);
		unsigned sent = 0, idle = 0;

		((struct message_header *)data)->type = types[kind];
		message_name_set(&((struct message_invoke *)data)->name, kind ? "echo" : "");
		gate_open(&gate, &other.server, "");
		gate_create(&gate, MESSAGE_CREATE, "echo", echo);
		while (sent < FLOOD && idle < 50) {
			if (gate_send(&gate, data, size, NULL, 0)) {
				pause_ms(2);
				idle++;
			} else {
				sent++;
			}
		}
		bystander_served(&other);
		CHECK(sent < FLOOD);
		/* It is no worse off than others when it comes to its senses. */
		SOON(gate_drain(&gate) == 0 && !gate_send(&gate, data, size, NULL, 0));
		gate_close(&gate);
	}
	close_scene();
}

/* Its arguments change while they are read, and its answers' place while they are written. */
TEST_TIMEOUT(a_window_that_changes, 300)
{
	struct message_invoke invoke = {.header = {MESSAGE_INVOKE, 1}, .size = METT_INLINE_MAX};
	struct gate gate;

	open_scene();
	gate_open(&gate, &other.server, "");
	gate_create(&gate, MESSAGE_CREATE, "echo", echo);
	pid_t scribbler = fork();
	CHECK(scribbler >= 0);
	if (scribbler == 0) {
		for (uint64_t state = 1;;)
			memset((char *)gate.window +
			               4096 * fuzz_below(&state, sizeof(*gate.window) / 4096),
			       (int)fuzz_next(&state), 4096);
	}
	message_name_set(&invoke.name, "echo");
	for (unsigned i = 0; i < 2000; i++) {
		invoke.slot = i % METT_IN_FLIGHT_MAX;
		SOON(gate_drain(&gate) == 0 && !gate_send(&gate, &invoke, sizeof(invoke), NULL, 0));
	}
	bystander_served(&other);
	CHECK_EQ(kill(scribbler, SIGKILL), 0);
	CHECK_EQ(waitpid(scribbler, NULL, 0), scribbler);
	gate_close(&gate);
	close_scene();
}

/* Programs that pass the check, and are wrong all the same: they cost only their own start. */
TEST_TIMEOUT(programs_that_are_wrong, 600)
{
	unsigned made = 0;

	open_scene();
	unsigned char *mutant = malloc(program_size);
	CHECK(mutant);
	struct mett_client *client = join(&other.server);
	for (uint64_t seed = 0; seed < MUTANTS; seed++) {
		const struct mett_config config = {.timeout_us = 1000000};
		const struct mett_action_options options = {.policy = 1 + seed % 3};
		struct mett_error error;
		struct mett_result result;
		uint64_t state = seed;

		memcpy(mutant, program, program_size);
		fuzz_mutate(&state, mutant, 1024);
		if (seed % 2)
			fuzz_mutate(&state, mutant, program_size);
		sys_cap file = gate_program(mutant, program_size);
		if (!mett_action_create_fd(client, "mutant", file, &options, &error)) {
			int returned =
				mett_action_invoke(client, "mutant", "hi", 2, &config, &result);

			CHECK_EQ(returned, -mett_reason_errno(result.error.reason));
			CHECK(!returned || returned == -EFAULT);
			mett_result_deinit(&result);
			CHECK_EQ(mett_action_delete(client, "mutant", &error), 0);
			made++;
		} else {
			CHECK_EQ(error.reason, METT_BAD_PROGRAM);
		}
		sys_cap_close(file);
	}
	CHECK(made > MUTANTS / 10);
	mett_client_free(client);
	free(mutant);
	close_scene();
}
