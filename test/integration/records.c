/*
 * Activation records: what became of each call is kept as it was, and whatever happens
 * to the recorder costs no call.
 */
#include "recorder.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 32 * MIB, KEPT = 20, MANY = 3000, ROUNDS = 5, LOG_ROOM = METT_RECORD_LOG_MAX + 1 };

static const struct mett_config patient = {.memory_limit = LIMIT, .timeout_us = 60000000};
static const struct mett_config hasty = {.memory_limit = LIMIT, .timeout_us = 200000};

static struct mett_client *join_home(const struct server *server)
{
	struct mett_client *client;
	struct mett_error error;

	if (mett_register_namespace(server->socket, recorder_home(), &client, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
	return client;
}

struct scene {
	struct server server;
	struct recorder recorder;
	struct mett_client *client;
};

static unsigned count(const struct scene *scene, struct mett_records_query query)
{
	query.name_space = recorder_home();
	if (!query.limit)
		query.limit = METT_RECORDS_LIMIT_MAX;
	return recorder_rows(&scene->server, &query, NULL, NULL, 0);
}

#define COUNT(scene_, ...) count(scene_, (struct mett_records_query){__VA_ARGS__})

/* The record of one activation, once it is there; with its log. */
static struct mett_record row_of(const struct scene *scene, uint64_t id, char *log)
{
	struct mett_records_query query = {.name_space = recorder_home(), .activation = id};
	struct mett_record row;

	SOON(recorder_rows(&scene->server, &query, &row, log, LOG_ROOM) == 1);
	return row;
}

/* A recorder that records: what is invoked from now on is not lost. */
static void await_recording(struct scene *scene)
{
	unsigned before = COUNT(scene, .action = "empty");

	SOON((EXPECT_ANSWER(scene->client, "empty", "", ""), usleep(30000),
	      COUNT(scene, .action = "empty") > before));
}

static void open_scene(struct scene *scene, const char *options)
{
	server_start(&scene->server, "--state=none");
	recorder_start(&scene->recorder, &scene->server, options);
	scene->client = join_home(&scene->server);
	deploy(scene->client, "empty", NULL);
	await_recording(scene);
}

static void close_scene(struct scene *scene)
{
	mett_client_free(scene->client);
	recorder_stop(&scene->recorder);
	recorder_remove(&scene->recorder);
	server_stop(&scene->server);
}

struct bad {
	const char *action, *argument;
	const struct mett_config *config;
	enum mett_reason reason;
	const char *log;
};

static const struct bad bads[] = {
	{"crash", "", &patient, METT_CRASHED, "segmentation fault"},
	{"exit", "42", &patient, METT_EXITED, ""},
	{"end", "message", &patient, METT_FAILED, "to be flushed"},
	{"sleep", "60000", &hasty, METT_TIMED_OUT, ""},
	{"allocate", "", &patient, METT_OUT_OF_MEMORY, ""},
	{"forbidden", "", &patient, METT_FORBIDDEN, ""},
	{"rubbish", "", &patient, METT_PROTOCOL, ""},
	{"noinit", "", &patient, METT_NO_START, ""},
};

static void check_bad(struct scene *scene, const struct bad *bad)
{
	struct mett_result result;
	char log[LOG_ROOM];

	deploy(scene->client, bad->action, NULL);
	mett_action_invoke(scene->client, bad->action, bad->argument, strlen(bad->argument),
	                   bad->config, &result);
	CHECK_EQ(result.error.reason, bad->reason);
	struct mett_record row = row_of(scene, result.activation, log);
	CHECK_STR(row.action, bad->action);
	CHECK_EQ(row.error.reason, result.error.reason);
	CHECK_EQ(row.error.detail, result.error.detail);
	CHECK_STR(row.error.message, result.error.message);
	CHECK_EQ(row.times.start_worker, result.metadata.start_worker);
	CHECK_EQ(row.times.end_worker, result.metadata.end_worker);
	if (!strstr(log, bad->log))
		test_fail(__FILE__, __LINE__, "%s: the log is '%s'", bad->action, log);
	mett_result_deinit(&result);
}

TEST(every_failure_is_recorded_as_it_was_told)
{
	struct scene scene;

	open_scene(&scene, "");
	for (unsigned i = 0; i < sizeof(bads) / sizeof(*bads); i++)
		check_bad(&scene, &bads[i]);
	CHECK_EQ(COUNT(&scene, .failed = 1), sizeof(bads) / sizeof(*bads));
	CHECK_EQ(COUNT(&scene, .failed = 1, .action = "crash"), 1);
	/* Of those that gave an answer none wrote anything. */
	CHECK_EQ(COUNT(&scene, .wrote = 1), sizeof(bads) / sizeof(*bads));
	CHECK_EQ(COUNT(&scene, .wrote = 1, .action = "empty"), 0);
	close_scene(&scene);
}

static uint64_t day_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void check_good(struct scene *scene, const struct mett_action_options *options)
{
	const uint64_t second = 1000000;
	struct mett_result result;
	char log[LOG_ROOM];
	uint64_t begin = day_us();

	deploy(scene->client, "log", options);
	CHECK_EQ(mett_action_invoke(scene->client, "log", "one\ntwo", 7, NULL, &result), 0);
	struct mett_record row = row_of(scene, result.activation, log);
	CHECK_EQ(COUNT(scene, .wrote = 1, .after = row.number - 1), 1);
	CHECK_EQ(row.error.reason, METT_OK);
	CHECK_STR(row.error.message, "");
	CHECK_STR(row.action, "log");
	CHECK_STR(row.caller, "");
	CHECK_EQ(row.depth, 1);
	CHECK_EQ(row.calls, 1);
	CHECK_EQ(row.version, 1);
	CHECK(strstr(log, "out: one\n") && strstr(log, "err: two\n"));
	CHECK(row.begin_us + second > begin && row.begin_us < day_us() + second);
	CHECK(row.times.start_function >= row.times.start_runtime);
	CHECK(row.times.end_function >= row.times.start_function);
	mett_result_deinit(&result);
	CHECK_EQ(mett_action_delete(scene->client, "log", NULL), 0);
	/* Known once its process is gone, which under `reuse` the deletion brings about. */
	SOON((row = row_of(scene, row.activation, log)).memory > 64 << 10);
	CHECK(row.memory < 64 * MIB);
}

TEST(success_is_recorded_with_its_log)
{
	struct scene scene;

	open_scene(&scene, "");
	check_good(&scene, NULL);
	check_good(&scene, &(struct mett_action_options){.policy = METT_POLICY_SPAWN});
	check_good(&scene, &(struct mett_action_options){.policy = METT_POLICY_REUSE});
	close_scene(&scene);
}

/* The first goes by the server, the rest past it; each is recorded once. */
TEST(calls_past_the_server_are_recorded)
{
	struct scene scene;
	char log[LOG_ROOM];

	open_scene(&scene, "");
	deploy(scene.client, "echo", NULL);
	for (int i = 0; i < KEPT; i++)
		EXPECT_ANSWER(scene.client, "echo", "x", "x");
	struct mett_result result;
	CHECK_EQ(mett_action_invoke(scene.client, "echo", "", 0, NULL, &result), 0);
	struct mett_record row = row_of(&scene, result.activation, log);
	CHECK_STR(row.action, "echo");
	CHECK(row.times.start_runtime >= row.times.start_worker);
	CHECK(row.times.start_worker > 0);
	CHECK_EQ(row.times.start_worker, result.metadata.start_worker);
	CHECK_EQ(row.depth, 1);
	mett_result_deinit(&result);
	SOON(COUNT(&scene, .action = "echo") == KEPT + 1);
	close_scene(&scene);
}

/* A client that is gone at once, as a command is. */
TEST(the_last_call_of_a_client_is_recorded)
{
	struct scene scene;

	open_scene(&scene, "");
	unsigned before = COUNT(&scene, .action = "empty");
	for (int i = 0; i < 3; i++)
		EXPECT_ANSWER(scene.client, "empty", "", "");
	mett_client_free(scene.client);
	SOON(COUNT(&scene, .action = "empty") == before + 3);
	scene.client = NULL;
	close_scene(&scene);
}

TEST(what_nobody_waits_for_any_more_is_recorded)
{
	struct scene scene;

	open_scene(&scene, "");
	deploy(scene.client, "sleep", NULL);
	submit(scene.client, "sleep", "60000", 0);
	pause_ms(50);
	mett_client_free(scene.client);
	scene.client = NULL;
	SOON(COUNT(&scene, .action = "sleep", .failed = 1) == 1);
	close_scene(&scene);
}

TEST(calls_to_a_process_that_serves_on_are_recorded_by_number)
{
	struct scene scene;
	struct mett_record row;
	uint64_t calls = 0;

	open_scene(&scene, "");
	deploy(scene.client, "echo", &(struct mett_action_options){.policy = METT_POLICY_REUSE});
	for (int i = 0; i < KEPT; i++) {
		EXPECT_ANSWER(scene.client, "echo", "x", "x");
		pause_ms(2); /* that it can be called past the server again */
	}
	CHECK_EQ(mett_action_delete(scene.client, "echo", NULL), 0);
	struct mett_records_query query = {.name_space = recorder_home(), .action = "echo"};
	for (uint64_t until = now_ms() + SOON_MS; calls < KEPT; pause_ms(20)) {
		struct mett_records *records;

		CHECK(now_ms() < until);
		CHECK_EQ(mett_records_open(scene.server.socket, &query, &records, NULL), 0);
		calls = 0;
		while (mett_records_next(records, -1, &row, NULL) == METT_RECORDS_ROW)
			calls += row.calls;
		mett_records_close(records);
	}
	CHECK_EQ(calls, KEPT);
	CHECK(COUNT(&scene, .action = "echo") < KEPT);
	close_scene(&scene);
}

TEST(nested_calls_say_who_called)
{
	struct scene scene;
	struct mett_result result;
	char log[LOG_ROOM];

	open_scene(&scene, "");
	deploy(scene.client, "call", NULL);
	deploy(scene.client, "log", NULL);
	deploy(scene.client, "crash", NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct mett_records_query query = {.name_space = recorder_home(), .action = "log"};
		struct mett_record row;

		CHECK_EQ(mett_action_invoke(scene.client, "call", "log within", 10, NULL, &result),
		         0);
		SOON(recorder_rows(&scene.server, &query, &row, log, sizeof(log)) == i + 1);
		CHECK_EQ(row.depth, 2);
		CHECK_STR(row.caller, "call");
		CHECK_EQ(row.parent, result.activation);
		CHECK(strstr(log, "out: within\n"));
		mett_result_deinit(&result);
	}
	mett_action_invoke(scene.client, "call", "crash", 5, NULL, &result);
	CHECK_EQ(result.error.reason, METT_FAILED);
	mett_result_deinit(&result);
	SOON(COUNT(&scene, .failed = 1) == 2);
	close_scene(&scene);
}

/* Those among themselves, which the server never sees. */
TEST(nested_calls_past_the_server_are_recorded)
{
	struct scene scene;
	struct mett_record row;
	char log[LOG_ROOM];

	open_scene(&scene, "");
	deploy(scene.client, "call", NULL);
	deploy(scene.client, "echo", NULL);
	for (int i = 0; i < KEPT; i++)
		EXPECT_ANSWER(scene.client, "call", "echo x", "x");
	mett_client_free(scene.client);
	scene.client = NULL;
	SOON(COUNT(&scene, .action = "echo") == KEPT && COUNT(&scene, .action = "call") == KEPT);
	struct mett_records_query query = {.name_space = recorder_home(), .action = "echo"};
	recorder_rows(&scene.server, &query, &row, log, sizeof(log));
	CHECK_STR(row.caller, "call");
	CHECK_EQ(row.depth, 2);
	struct mett_record parent = row_of(&scene, row.parent, log);
	CHECK_STR(parent.action, "call");
	close_scene(&scene);
}

TEST(only_so_many_are_kept)
{
	struct scene scene;
	struct mett_record row;
	char log[LOG_ROOM], *large = malloc(METT_RECORD_LOG_MAX);

	open_scene(&scene, "--keep-count=20");
	for (int i = 0; i < 3 * KEPT; i++)
		EXPECT_ANSWER(scene.client, "empty", "", "");
	deploy(scene.client, "echo", NULL);
	EXPECT_ANSWER(scene.client, "echo", "last", "last");
	EXPECT_ANSWER(scene.client, "echo", "last", "last");
	SOON(COUNT(&scene, .action = "echo") == 2);
	CHECK_EQ(COUNT(&scene, .limit = 0), KEPT);
	recorder_stop(&scene.recorder);
	recorder_start(&scene.recorder, &scene.server, "--keep-bytes=64K");
	await_recording(&scene);
	/* More than is kept of each, and of all. */
	CHECK(large);
	memset(large, 'l', METT_RECORD_LOG_MAX);
	deploy(scene.client, "log", NULL);
	for (int i = 0; i < KEPT; i++)
		CHECK_EQ(mett_action_invoke(scene.client, "log", large, METT_RECORD_LOG_MAX, NULL,
		                            NULL),
		         0);
	struct mett_records_query query = {.name_space = recorder_home(), .action = "log"};
	SOON(recorder_rows(&scene.server, &query, &row, log, sizeof(log)) == 3);
	CHECK_EQ(row.log_size, METT_RECORD_LOG_MAX);
	free(large);
	close_scene(&scene);
}

static void invoke_many(struct scene *scene, unsigned number)
{
	for (unsigned i = 0; i < number; i++)
		EXPECT_ANSWER(scene->client, "empty", "", "");
}

/* Each is there once, if its ring was not full; and never half. */
TEST_TIMEOUT(a_killed_recorder_loses_and_disturbs_nothing, 300)
{
	struct scene scene;
	unsigned calls;

	open_scene(&scene, "--keep-count=1000000");
	calls = COUNT(&scene, .action = "empty");
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			/* While calls go on. */
			pause_ms(20 + 30 * (unsigned)round);
			_exit(kill(scene.recorder.pid, SIGKILL));
		}
		invoke_many(&scene, MANY / ROUNDS);
		calls += MANY / ROUNDS;
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
		CHECK_EQ(waitpid(scene.recorder.pid, NULL, 0), scene.recorder.pid);
		recorder_start(&scene.recorder, &scene.server, "--keep-count=1000000");
	}
	SOON(COUNT(&scene, .action = "empty") == calls);
	close_scene(&scene);
}

TEST(a_stopped_recorder_costs_no_call)
{
	struct scene scene;

	open_scene(&scene, "");
	unsigned before = COUNT(&scene, .action = "empty");
	CHECK_EQ(kill(scene.recorder.pid, SIGSTOP), 0);
	/* More than its ring holds. */
	invoke_many(&scene, 2 * MANY);
	for (int i = 0; i < 3; i++) {
		struct mett_client *other = join_home(&scene.server);

		mett_client_free(other);
	}
	CHECK_EQ(kill(scene.recorder.pid, SIGCONT), 0);
	SOON(COUNT(&scene, .action = "empty") > before + KEPT);
	await_recording(&scene);
	CHECK(COUNT(&scene, .action = "empty") < before + 2 * MANY);
	close_scene(&scene);
}

TEST(the_recorder_waits_for_the_server)
{
	struct scene scene;

	open_scene(&scene, "");
	unsigned before = COUNT(&scene, .action = "empty");
	mett_client_free(scene.client);
	CHECK_EQ(kill(scene.server.pid, SIGKILL), 0);
	CHECK_EQ(waitpid(scene.server.pid, NULL, 0), scene.server.pid);
	CHECK_EQ(COUNT(&scene, .action = "empty"), before);
	server_start_at(&scene.server, "--state=none");
	scene.client = join_home(&scene.server);
	deploy(scene.client, "empty", NULL);
	await_recording(&scene);
	close_scene(&scene);
}

TEST(a_second_recorder_is_refused_and_waits)
{
	struct scene scene;
	struct recorder second;
	char lock[128];

	open_scene(&scene, "");
	/* It keeps its own records, but asks the same server. */
	struct server elsewhere = scene.server;
	snprintf(elsewhere.folder, sizeof(elsewhere.folder), "%.30s-2", scene.server.folder);
	CHECK_EQ(mkdir(elsewhere.folder, 0700), 0);
	snprintf(elsewhere.socket, sizeof(elsewhere.socket), "%.40s/socket", elsewhere.folder);
	CHECK_EQ(symlink(scene.server.socket, elsewhere.socket), 0);
	recorder_start(&second, &elsewhere, "");
	await_recording(&scene);
	CHECK_EQ(recorder_rows(&elsewhere,
	                       &(struct mett_records_query){.name_space = recorder_home()}, NULL,
	                       NULL, 0),
	         0);
	recorder_kill(&scene.recorder);
	SOON((EXPECT_ANSWER(scene.client, "empty", "", ""),
	      recorder_rows(&elsewhere, &(struct mett_records_query){.name_space = recorder_home()},
	                    NULL, NULL, 0) > 0));
	recorder_stop(&second);
	recorder_remove(&second);
	unlink(elsewhere.socket);
	CHECK_EQ(rmdir(elsewhere.folder), 0);
	snprintf(lock, sizeof(lock), "%s.records", scene.server.socket);
	unlink(lock);
	snprintf(lock, sizeof(lock), "%s.records.lock", scene.server.socket);
	unlink(lock);
	mett_client_free(scene.client);
	recorder_remove(&scene.recorder);
	server_stop(&scene.server);
}

TEST(a_damaged_database_is_moved_aside)
{
	static const char rubbish[] = "this is no database, and never was one; really not";
	struct scene scene;
	char path[128];

	open_scene(&scene, "");
	recorder_stop(&scene.recorder);
	snprintf(path, sizeof(path), "%s/records.sqlite", scene.recorder.state);
	FILE *file = fopen(path, "r+");
	CHECK(file);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(fwrite(rubbish, sizeof(rubbish), 1, file), 1);
	CHECK_EQ(fclose(file), 0);
	recorder_start(&scene.recorder, &scene.server, "");
	await_recording(&scene);
	close_scene(&scene);
}

/* A disk that takes no more, as far as the recorder can tell. */
TEST(a_full_disk_is_waited_for)
{
	struct scene scene;
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};

	open_scene(&scene, "--keep-count=1000000");
	unsigned before = COUNT(&scene, .action = "empty");
	CHECK_EQ(prlimit(scene.recorder.pid, RLIMIT_FSIZE, &none, NULL), 0);
	invoke_many(&scene, KEPT);
	CHECK_EQ(COUNT(&scene, .action = "empty"), before);
	CHECK_EQ(prlimit(scene.recorder.pid, RLIMIT_FSIZE, &all, NULL), 0);
	SOON(COUNT(&scene, .action = "empty") == before + KEPT);
	close_scene(&scene);
}

TEST(new_rows_come_to_who_follows)
{
	struct scene scene;
	struct mett_records *records;
	struct mett_record row;

	open_scene(&scene, "");
	deploy(scene.client, "echo", NULL);
	struct mett_records_query query = {
		.name_space = recorder_home(), .action = "echo", .follow = 1, .limit = 1};
	CHECK_EQ(mett_records_open(scene.server.socket, &query, &records, NULL), 0);
	CHECK_EQ(mett_records_next(records, 100 * MS_US, &row, NULL), METT_RECORDS_NONE);
	uint64_t last = 0;
	for (int i = 0; i < KEPT; i++) {
		EXPECT_ANSWER(scene.client, "echo", "x", "x");
		CHECK_EQ(mett_records_next(records, SOON_MS * MS_US, &row, NULL), METT_RECORDS_ROW);
		CHECK_STR(row.action, "echo");
		CHECK(row.number > last);
		last = row.number;
	}
	recorder_stop(&scene.recorder);
	CHECK_EQ(mett_records_next(records, SOON_MS * MS_US, &row, NULL),
	         -mett_reason_errno(METT_GONE));
	mett_records_close(records);
	recorder_start(&scene.recorder, &scene.server, "");
	close_scene(&scene);
}

/* It costs nothing to have it, while nothing happens. */
TEST(an_idle_recorder_sleeps)
{
	struct scene scene;

	open_scene(&scene, "");
	pause_ms(500);
	unsigned long before = count_switches(scene.recorder.pid);
	pause_ms(3000);
	CHECK(before > 0);
	CHECK_EQ(count_switches(scene.recorder.pid), before);
	close_scene(&scene);
}

TEST(others_may_not_read)
{
	struct mett_records_query query = {.name_space = "u4711"};
	struct mett_records *records;
	struct mett_record row;
	struct mett_error error;
	struct scene scene;
	pid_t pid;
	int status;

	if (getuid())
		test_skip("only root can be somebody else");
	open_scene(&scene, "--socket-mode=0666");
	CHECK_EQ(chmod(scene.server.folder, 0755), 0);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(setuid(4711), 0);
		CHECK_EQ(mett_records_open(scene.server.socket, &query, &records, &error), 0);
		CHECK_EQ(mett_records_next(records, -1, &row, &error), METT_RECORDS_END);
		mett_records_close(records);
		query.name_space = "u0";
		CHECK_EQ(mett_records_open(scene.server.socket, &query, &records, &error), 0);
		EXPECT_ERROR(error, METT_DENIED, "not yours",
		             mett_records_next(records, -1, &row, &error));
		mett_records_close(records);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close_scene(&scene);
}

/* As the user of that number: make a namespace, and call something in it. */
static void call_as(const struct scene *scene, uid_t user, const char *name)
{
	struct mett_client *client;
	struct mett_error error;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		CHECK_EQ(setuid(user), 0);
		client = join(&scene->server);
		CHECK_EQ(mett_namespace_create(client, name, NULL), 0);
		mett_client_free(client);
		if (mett_register_namespace(scene->server.socket, name, &client, &error))
			test_fail(__FILE__, __LINE__, "%s", error.message);
		deploy(client, "empty", NULL);
		EXPECT_ANSWER(client, "empty", "", "");
		CHECK_EQ(mett_action_delete(client, "empty", NULL), 0);
		CHECK_EQ(mett_namespace_delete(client, name, NULL), 0);
		mett_client_free(client);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* What happened under a name is not told to who gets it next. */
TEST(records_go_with_their_owner)
{
	struct mett_records_query query = {.name_space = "given-up"};
	struct scene scene;

	if (getuid())
		test_skip("only root can be others");
	server_start(&scene.server, "--state=none --socket-mode=0666");
	CHECK_EQ(chmod(scene.server.folder, 0755), 0);
	recorder_start(&scene.recorder, &scene.server, "");
	scene.client = join_home(&scene.server);
	deploy(scene.client, "empty", NULL);
	await_recording(&scene);
	call_as(&scene, 4711, "given-up");
	SOON(recorder_rows(&scene.server, &query, NULL, NULL, 0) == 1);
	call_as(&scene, 4711, "given-up");
	SOON(recorder_rows(&scene.server, &query, NULL, NULL, 0) == 2);
	call_as(&scene, 4712, "given-up");
	SOON(recorder_rows(&scene.server, &query, NULL, NULL, 0) == 1);
	close_scene(&scene);
}
