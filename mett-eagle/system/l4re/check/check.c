/*
 * What can go wrong on L4Re, against a running server: each case ends with the right
 * error, and when its client has left, all that the server used for it is free again.
 *
 *	mett-eagle-check [INVOCATIONS]
 *
 * With "victim" it is the client that somebody else kills in the first case.
 */
#include <l4/re/env.h>
#include <mett-eagle/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../remote.h"

/* A client with a worker under way uses more than COMES objects. */
enum { LARGE = 300000, PATIENCE_MS = 5000, MANY = 400, NESTED = 200, COMES = 4 };

static unsigned tests, failed;
static char reason_text[2 * METT_MESSAGE_MAX];

static void result(const char *name, bool good)
{
	printf("%sok %u - %s%s%s\n", good ? "" : "not ", ++tests, name, good ? "" : " # ",
	       good ? "" : reason_text);
	failed += !good;
}

static struct remote_count used(void)
{
	struct remote_count use = {0};

	remote_count(l4re_env_get_cap("manager"), &use);
	return use;
}

/* The server frees later what nobody waits for. */
static bool back_to(struct remote_count before)
{
	struct remote_count now = used();

	for (unsigned i = 0;
	     i < PATIENCE_MS && (now.objects > before.objects || now.slots > before.slots); i++) {
		usleep(1000);
		now = used();
	}
	snprintf(reason_text, sizeof(reason_text), "%lu objects and %lu slots, before %lu and %lu",
	         now.objects, now.slots, before.objects, before.slots);
	return now.objects <= before.objects && now.slots <= before.slots;
}

static struct mett_client *enter(void)
{
	static const char *const names[] = {"echo", "crash", "exit",  "busy",  "allocate",
	                                    "call", "log",   "sleep", "empty", "residue"};
	struct mett_client *client = NULL;
	struct mett_error error;

	if (mett_register_client(NULL, &client, &error)) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[32];

		snprintf(path, sizeof(path), "rom/%s", names[i]);
		if (mett_action_create_path(client, names[i], path, NULL, &error)) {
			printf("Bail out! %s\n", error.message);
			exit(1);
		}
	}
	return client;
}

/* Invokes; the outcome must have this reason and detail, and its log this text. */
static bool ends(struct mett_client *client, const char *name, const char *argument,
                 struct mett_config config, enum mett_reason reason, int32_t detail,
                 const char *log)
{
	struct mett_result outcome;

	mett_action_invoke(client, name, argument, strlen(argument), &config, &outcome);
	bool good = outcome.error.reason == reason && (!detail || outcome.error.detail == detail) &&
	            (!log || strstr(outcome.log, log));
	snprintf(reason_text, sizeof(reason_text), "reason %d, detail %d: %s; log: %s",
	         (int)outcome.error.reason, (int)outcome.error.detail, outcome.error.message,
	         outcome.log);
	mett_result_deinit(&outcome);
	return good;
}

/* With a memory limit of its own it goes by the server, else past it where that can be. */
static bool echoes(struct mett_client *client, size_t size, const struct mett_config *config)
{
	struct mett_result outcome;
	char *bytes = malloc(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	mett_action_invoke(client, "echo", bytes, size, config, &outcome);
	bool good = outcome.error.reason == METT_OK && outcome.answer_size == size &&
	            !memcmp(outcome.answer, bytes, size);
	snprintf(reason_text, sizeof(reason_text), "%zu bytes: %s", outcome.answer_size,
	         outcome.error.message);
	mett_result_deinit(&outcome);
	free(bytes);
	return good;
}

static void failures(struct mett_client *client)
{
	const struct mett_config none = {0}, brief = {.timeout_us = 50000},
				 little = {.memory_limit = 4 << 20},
				 enough = {.memory_limit = 64 << 20};

	result("small answer", echoes(client, 100, NULL));
	result("small answer by the server", echoes(client, 100, &enough));
	result("large answer", echoes(client, LARGE, NULL));
	result("large answer by the server, in a dataspace", echoes(client, LARGE, &enough));
	result("crash", ends(client, "crash", "", none, METT_CRASHED, 11, "fault 14"));
	result("exit with a code", ends(client, "exit", "3", none, METT_EXITED, 3, NULL));
	result("endless loop with a timeout",
	       ends(client, "busy", "100000000000", brief, METT_TIMED_OUT, 0, NULL));
	result("sleep beyond a timeout",
	       ends(client, "sleep", "60000", brief, METT_TIMED_OUT, 0, NULL));
	result("memory limit", ends(client, "allocate", "", little, METT_OUT_OF_MEMORY, 0, NULL));
	result("within a memory limit",
	       ends(client, "allocate", "1000000", little, METT_OK, 0, NULL));
	result("unknown action", ends(client, "nobody", "", none, METT_NO_ACTION, 0, NULL));
	result("nested call", ends(client, "call", "echo hello", none, METT_OK, 0, NULL));
	result("nested call of an unknown action",
	       ends(client, "call", "nobody x", none, METT_FAILED, 0, NULL));
	result("nested call of what crashes",
	       ends(client, "call", "crash x", none, METT_FAILED, 0, NULL));
	result("log of a function", ends(client, "log", "a line", none, METT_OK, 0, "out: a line"));
	result("and then it still serves", echoes(client, 100, NULL));
}

static bool answers(struct mett_client *client, const char *name, const char *argument,
                    const char *answer)
{
	struct mett_result outcome;

	mett_action_invoke(client, name, argument, strlen(argument), NULL, &outcome);
	bool good = outcome.error.reason == METT_OK && outcome.answer_size == strlen(answer) &&
	            !memcmp(outcome.answer, answer, outcome.answer_size);
	snprintf(reason_text, sizeof(reason_text), "%zu bytes: %.*s; %s", outcome.answer_size,
	         outcome.answer_size < 100 ? (int)outcome.answer_size : 100,
	         (const char *)outcome.answer, outcome.error.message);
	mett_result_deinit(&outcome);
	return good;
}

static bool creates(struct mett_client *client, const char *name,
                    const struct mett_action_options *options)
{
	struct mett_error error;

	if (!mett_action_create_path(client, name, "rom/variable", options, &error))
		return true;
	snprintf(reason_text, sizeof(reason_text), "%s", error.message);
	return false;
}

/* Each program finds its own, whichever way it is started; and nothing else. */
static void environments(struct mett_client *client)
{
	static const char *const variables[] = {"GREETING=hello", "NOTHING=", NULL};
	const struct mett_action_options fork = {.environment = variables},
					 spawn = {.environment = variables,
	                                          .policy = METT_POLICY_SPAWN},
					 bare = {0};

	result("variable of a forked worker",
	       creates(client, "forked", &fork) && answers(client, "forked", "GREETING", "hello"));
	result("an empty one", answers(client, "forked", "NOTHING", ""));
	result("variable of a spawned worker",
	       creates(client, "spawned", &spawn) &&
	               answers(client, "spawned", "GREETING", "hello"));
	result("none of another action's",
	       creates(client, "bare", &bare) &&
	               ends(client, "bare", "GREETING", (struct mett_config){0}, METT_FAILED, 0,
	                    NULL));
}

/*
 * More invocations than there are processes: some of the second ones come to where some of
 * the first ones were, if they come to any.
 */
static bool leaves_nothing(struct mett_client *client, const char *how, const char *look)
{
	for (unsigned i = 0; i < MANY; i++)
		if (!answers(client, "residue", how, "hidden"))
			return false;
	for (unsigned i = 0; i < MANY; i++)
		if (!answers(client, "residue", look, "nothing"))
			return false;
	return true;
}

static bool recycles(unsigned long before, unsigned count)
{
	unsigned long more = used().recycled - before;

	snprintf(reason_text, sizeof(reason_text), "%lu of %u lives", more, count);
	return more > count / 2;
}

static void recycling(struct mett_client *client)
{
	unsigned long before = used().recycled;

	result("nothing is left of one life for the next", leaves_nothing(client, "hide", "look"));
	result("and processes had more than one", recycles(before, 2 * MANY));
	result("nothing is left of what strayed", leaves_nothing(client, "stray", "search"));
}

/* One after the other, as fast as it goes: the callee that is kept ready ends with its caller. */
static bool nest(struct mett_client *client)
{
	const struct mett_config patient = {.timeout_us = PATIENCE_MS * 1000};

	for (unsigned i = 0; i < NESTED; i++)
		if (!ends(client, "call", "empty x", patient, METT_OK, 0, NULL))
			return false;
	return true;
}

static struct mett_client *come_home(void)
{
	struct mett_client *client = NULL;
	struct mett_error error = {0};
	char name[12];

	if (mett_home_namespace(name, sizeof(name)) ||
	    mett_register_namespace(NULL, name, &client, &error))
		snprintf(reason_text, sizeof(reason_text), "%s", error.message);
	return client;
}

/* What one client deploys in a named namespace the next one finds there. */
static bool outlives(void)
{
	struct mett_client *client = come_home();
	bool good = client && !mett_action_create_path(client, "echo", "rom/echo", NULL, NULL);

	mett_client_free(client);
	client = good ? come_home() : NULL;
	good = client && answers(client, "echo", "again", "again") &&
	       !mett_action_delete(client, "echo", NULL);
	mett_client_free(client);
	return good;
}

/* Leaves with an invocation under way. */
static void die(struct mett_client *client)
{
	struct mett_error error;

	mett_action_submit(client, "busy", "100000000000", 12, NULL, 1, &error);
	usleep(20000);
	mett_client_free(client);
}

static bool invoke_many(struct mett_client *client, unsigned count)
{
	struct mett_result outcome;
	unsigned answered = 0;

	for (unsigned i = 0; i < count; i++) {
		mett_action_invoke(client, "empty", NULL, 0, NULL, &outcome);
		answered += outcome.error.reason == METT_OK;
		mett_result_deinit(&outcome);
	}
	snprintf(reason_text, sizeof(reason_text), "%u of %u answered", answered, count);
	return answered == count;
}

static __attribute__((noreturn)) void be_killed(void)
{
	struct mett_error error;

	mett_action_submit(enter(), "busy", "100000000000", 12, NULL, 1, &error);
	for (;;)
		sleep(1);
}

static bool survives_victim(struct remote_count before)
{
	for (unsigned i = 0; i < PATIENCE_MS && used().objects < before.objects + COMES; i++)
		usleep(1000);
	snprintf(reason_text, sizeof(reason_text), "it did not come");
	return used().objects >= before.objects + COMES && back_to(before);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "victim"))
		be_killed();
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	struct remote_count before = used();
	result("a client whose task is killed leaves nothing behind", survives_victim(before));
	struct mett_client *client = enter();

	failures(client);
	environments(client);
	recycling(client);
	failures(client);
	mett_client_free(client);
	client = enter();
	result("nested calls in a row are all answered", nest(client));
	mett_client_free(client);
	result("all that was used for them is free again", back_to(before));
	die(enter());
	result("a client that dies leaves nothing behind", back_to(before));
	result("an action of a named namespace outlives its client", outlives());
	result("and its deletion leaves nothing behind", back_to(before));
	client = enter();
	result("many invocations are all answered", invoke_many(client, count));
	mett_client_free(client);
	result("and leave nothing behind", back_to(before));
	printf("1..%u\n", tests);
	printf("%u passed, %u failed\n", tests - failed, failed);
	return failed > 0;
}
