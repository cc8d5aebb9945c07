/*
 * kill -9 of the server at random moments of deploy, delete and rollback: what was acknowledged
 * is there after the next start, whole; what was not is there as it was before, or as it was
 * to be. METT_KILLS says how often, METT_SEED with which moments; see README.md.
 */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = SANITIZED ? 30 : 100, ACTIONS = 6, SERVES_MAX_US = 200000 };

/* What an action is to be like: the values its versions answer, oldest first. */
struct model {
	unsigned count;
	unsigned current; /* index */
	uint32_t highest;
	uint32_t number[METT_VERSIONS_MAX];
	unsigned value[METT_VERSIONS_MAX];
};

static struct server server;
static struct model models[ACTIONS], pending; /* `pending`: what one will be, if it is done */
static unsigned pending_action;
static bool is_pending;
static unsigned values, operations, failures_seen;
static _Atomic bool serves;

static const char *name_of(unsigned action)
{
	static const char *const names[ACTIONS] = {"a", "b", "c", "d", "e", "f"};

	return names[action];
}

static void model_deploy(struct model *model, unsigned value)
{
	if (model->count == METT_VERSIONS_MAX) {
		unsigned oldest = model->current == 0;

		model->count--;
		for (unsigned i = oldest; i < model->count; i++) {
			model->number[i] = model->number[i + 1];
			model->value[i] = model->value[i + 1];
		}
	}
	model->current = model->count;
	model->number[model->count] = ++model->highest;
	model->value[model->count++] = value;
}

static int do_deploy(struct mett_client *client, unsigned action, struct mett_error *error)
{
	/* Two programs in turn, so that they too come and go. */
	static const char *const programs[] = {"peek", "peek-tail"};
	char text[32];
	const char *const environment[] = {text, NULL};
	const struct mett_action_options options = {.environment = environment};
	unsigned value = ++values;
	char path[512];

	snprintf(text, sizeof(text), "V=%u", value);
	model_deploy(&pending, value);
	if (value % 2)
		snprintf(path, sizeof(path), "%s", function_path(programs[0]));
	else
		snprintf(path, sizeof(path), "%s/%s", server.folder, programs[1]);
	return mett_action_deploy_path(client, name_of(action), path, &options, NULL, error);
}

/* Returns what the client was told; `pending` is what it is to be then. */
static int operate(struct mett_client *client, unsigned action, struct mett_error *error)
{
	unsigned what = (unsigned)rand() % 8;

	if (what == 0 && pending.count) {
		pending = (struct model){0};
		return mett_action_delete(client, name_of(action), error);
	}
	if (what <= 2 && pending.count) {
		pending.current = (unsigned)rand() % pending.count;
		return mett_action_rollback(client, name_of(action),
		                            pending.number[pending.current], NULL, error);
	}
	return do_deploy(client, action, error);
}

static void *change(void *data)
{
	struct mett_client *client = data;
	struct mett_error error;

	while (serves) {
		unsigned action = (unsigned)rand() % ACTIONS;

		pending = models[action];
		pending_action = action;
		is_pending = true;
		if (operate(client, action, &error)) {
			CHECK_EQ(error.reason, METT_GONE);
			return NULL; /* with what is pending */
		}
		models[action] = pending;
		is_pending = false;
		operations++;
	}
	return NULL;
}

static bool is_like(const struct model *model, const struct mett_version *versions, size_t count)
{
	if (count != model->count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "V=%u", model->value[i]);
		if (versions[i].version != model->number[i] ||
		    versions[i].current != (i == model->current) ||
		    strlen(versions[i].digest) != 64 ||
		    strcmp(versions[i].options.environment[0], text) != 0)
			return false;
	}
	return true;
}

/* One that was not acknowledged may have been done: then that is what it is from now on. */
static void check_action(struct mett_client *client, unsigned action)
{
	struct mett_version *versions = NULL;
	struct mett_error error;
	size_t count = 0;

	if (mett_action_versions(client, name_of(action), &versions, &count, &error))
		CHECK_EQ(error.reason, METT_NO_ACTION);
	bool old = is_like(&models[action], versions, count);
	bool new = is_pending &&action == pending_action &&is_like(&pending, versions, count);
	if (!old && !new)
		test_fail(__FILE__, __LINE__, "action %s: %zu versions, and %u were acknowledged",
		          name_of(action), count, models[action].count);
	if (!old)
		models[action] = pending;
	free(versions);
}

static void check_answer(struct mett_client *client, unsigned action)
{
	const struct model *model = &models[action];
	struct mett_result result;
	char text[48];

	if (!model->count)
		return;
	snprintf(text, sizeof(text), "environment: V=%u\n", model->value[model->current]);
	if (mett_action_invoke(client, name_of(action), NULL, 0, NULL, &result))
		test_fail(__FILE__, __LINE__, "%s", result.error.message);
	if (!strstr(result.answer, text))
		test_fail(__FILE__, __LINE__, "%s not in %s", text, (const char *)result.answer);
	mett_result_deinit(&result);
}

static void check_all(struct mett_client *client)
{
	struct mett_action_info *actions;
	size_t count, known = 0;

	for (unsigned i = 0; i < ACTIONS; i++)
		check_action(client, i);
	is_pending = false;
	for (unsigned i = 0; i < ACTIONS; i++)
		known += models[i].count > 0;
	CHECK_EQ(mett_action_list(client, &actions, &count, NULL), 0);
	CHECK_EQ(count, known);
	free(actions);
	check_answer(client, (unsigned)rand() % ACTIONS);
}

static unsigned number_from(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* The same program with something behind its end, which nobody minds. */
static void make_other_program(void)
{
	char command[1024];

	snprintf(command, sizeof(command), "cp '%s' '%s/peek-tail' && echo tail >>'%s/peek-tail'",
	         function_path("peek"), server.folder, server.folder);
	CHECK_EQ(system(command), 0);
}

static void live_and_die(void)
{
	struct mett_client *client = enter(&server, NULL);
	pthread_t thread;

	check_all(client);
	serves = true;
	CHECK_EQ(pthread_create(&thread, NULL, change, client), 0);
	usleep((unsigned)rand() % SERVES_MAX_US);
	CHECK_EQ(kill(server.pid, SIGKILL), 0);
	serves = false;
	pthread_join(thread, NULL);
	CHECK_EQ(WTERMSIG(server_wait(&server)), SIGKILL);
	failures_seen += is_pending;
	mett_client_free(client);
}

TEST_TIMEOUT(what_is_acknowledged_stays, 3600)
{
	unsigned kills = number_from("METT_KILLS", KILLS);
	unsigned seed = number_from("METT_SEED", (unsigned)now_ms());
	char folder[64], options[128], path[96];

	server_needs();
	fprintf(stderr, "# METT_SEED=%u\n", seed);
	srand(seed);
	folder_make(folder);
	snprintf(options, sizeof(options), "--state %s --spare-sandboxes 0 --parked 1", folder);
	server_start(&server, options);
	make_other_program();
	for (unsigned i = 0; i < kills; i++) {
		live_and_die();
		server_start_at(&server, options);
	}
	struct mett_client *client = enter(&server, NULL);
	check_all(client);
	mett_client_free(client);
	fprintf(stderr, "# %u kills, %u acknowledged changes, %u ended in the middle of one\n",
	        kills, operations, failures_seen);
	CHECK(operations > kills / 2 && failures_seen > kills / 4);
	snprintf(path, sizeof(path), "%s/peek-tail", server.folder);
	CHECK_EQ(unlink(path), 0);
	server_stop(&server);
	/* Nothing was ever found damaged. */
	snprintf(path, sizeof(path), "%s/quarantine", folder);
	CHECK(rmdir(path) == 0 || access(path, F_OK) < 0);
	folder_remove(folder);
}

enum { MANY = 1000, START_MAX_MS = 2000 };

TEST_TIMEOUT(starts_at_once_with_many_actions, 600)
{
	static const char *const environment[] = {"KEY=value", NULL};
	const struct mett_action_options with = {.environment = environment};
	char folder[64], options[96], name[16];
	struct mett_client *client;

	state_make(folder, options);
	client = begin_home(&server, options);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		put(client, name, "echo", &with);
	}
	end(&server, client);
	uint64_t before = now_ms();
	server_start(&server, options);
	uint64_t took = now_ms() - before;
	fprintf(stderr, "# with %d actions clients can connect after %u ms\n", (int)MANY,
	        (unsigned)took);
	CHECK(took < START_MAX_MS); /* on a machine that does something else too */
	client = enter(&server, NULL);
	EXPECT_ANSWER(client, "f999", "hello", "hello");
	end(&server, client);
	folder_remove(folder);
}
