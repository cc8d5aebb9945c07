/*
 * Clients come and go, politely or not, and so do servers: nobody sees or costs
 * another, and nothing is left behind.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 64, INVOCATIONS = 100, PIDS_MAX = 1024 };

struct crowd {
	const struct server *server;
	pthread_barrier_t registered;
	pthread_mutex_t mutex;
	unsigned clients_on_core[CPU_SETSIZE];
};

static void *one_of_crowd(void *data)
{
	struct crowd *crowd = data;
	struct mett_client *client = join(crowd->server);
	char text[24];

	deploy(client, "echo", NULL);
	pthread_mutex_lock(&crowd->mutex);
	crowd->clients_on_core[mett_client_core(client)]++;
	pthread_mutex_unlock(&crowd->mutex);
	pthread_barrier_wait(&crowd->registered);
	for (int i = 0; i < INVOCATIONS; i++) {
		snprintf(text, sizeof(text), "%p %d", (void *)client, i);
		EXPECT_ANSWER(client, "echo", text, text);
	}
	mett_client_free(client);
	return NULL;
}

TEST_TIMEOUT(share_many_threads, 300)
{
	static struct crowd crowd = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[THREADS];
	struct server server;
	cpu_set_t cores;

	server_start(&server, "--core-policy share");
	struct usage empty = server_steady(&server);
	crowd.server = &server;
	CHECK_EQ(pthread_barrier_init(&crowd.registered, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, one_of_crowd, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&crowd.registered);
	/* The least loaded core each time: they are shared out evenly. */
	CHECK_EQ(sched_getaffinity(0, sizeof(cores), &cores), 0);
	unsigned each = THREADS / (unsigned)CPU_COUNT(&cores);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cores))
			CHECK(crowd.clients_on_core[i] >= each);
		else
			CHECK_EQ(crowd.clients_on_core[i], 0);
	server_expect_usage(&server, empty);
	server_stop(&server);
}

/* The first core this process may use. */
static int some_core(void)
{
	cpu_set_t cores;
	int core = 0;

	CHECK_EQ(sched_getaffinity(0, sizeof(cores), &cores), 0);
	while (!CPU_ISSET(core, &cores))
		core++;
	return core;
}

TEST(refuse)
{
	struct mett_client **clients, *other;
	struct mett_error error;
	struct server server;
	cpu_set_t cores, seen;

	CHECK_EQ(sched_getaffinity(0, sizeof(cores), &cores), 0);
	int count = CPU_COUNT(&cores);
	clients = calloc((size_t)count, sizeof(*clients));
	server_start(&server, "--core-policy refuse");
	CPU_ZERO(&seen);
	for (int i = 0; i < count; i++) {
		clients[i] = join(&server);
		CPU_SET(mett_client_core(clients[i]), &seen);
	}
	CHECK(CPU_EQUAL(&seen, &cores));
	for (int i = 0; i < 3; i++)
		EXPECT_ERROR(error, METT_NO_CORE, "cores have a client",
		             mett_register_client(server.socket, &other, &error));
	/* Those that were refused cost the others nothing. */
	deploy(clients[0], "echo", NULL);
	EXPECT_ANSWER(clients[0], "echo", "x", "x");
	unsigned core = mett_client_core(clients[count - 1]);
	mett_client_free(clients[count - 1]);
	SOON(!mett_register_client(server.socket, &clients[count - 1], NULL));
	CHECK_EQ(mett_client_core(clients[count - 1]), core);
	EXPECT_ERROR(error, METT_NO_CORE, "cores have a client",
	             mett_register_client(server.socket, &other, &error));
	for (int i = 0; i < count; i++)
		mett_client_free(clients[i]);
	server_stop(&server);
	free(clients);
}

TEST(chosen_core)
{
	struct mett_client *first, *second;
	struct mett_error error;
	struct server server;
	char options[64];
	int core = some_core();

	snprintf(options, sizeof(options), "--cores %d --core-policy refuse", core);
	first = begin(&server, options);
	CHECK_EQ(mett_client_core(first), core);
	EXPECT_ERROR(error, METT_NO_CORE, "all 1 cores",
	             mett_register_client(server.socket, &second, &error));
	end(&server, first);
}

TEST(too_many_clients)
{
	struct mett_client *first, *second, *third;
	struct mett_error error;
	struct server server;

	first = begin(&server, "--max-clients 2");
	second = join(&server);
	EXPECT_ERROR(error, METT_BUSY, "2 clients",
	             mett_register_client(server.socket, &third, &error));
	mett_client_free(first);
	SOON(!mett_register_client(server.socket, &third, NULL));
	mett_client_free(second);
	end(&server, third);
}

TEST(names_are_a_clients_own)
{
	struct mett_client *first, *second;
	struct mett_action_info *rows;
	struct mett_error error;
	struct server server;
	size_t count;

	first = begin(&server, "");
	second = join(&server);
	CHECK_EQ(mett_action_create_path(first, "same", function_path("echo"), NULL, NULL), 0);
	CHECK_EQ(mett_action_create_path(second, "same", function_path("counter"), NULL, NULL), 0);
	deploy(second, "call", NULL);
	EXPECT_ANSWER(first, "same", "mine", "mine");
	EXPECT_ANSWER(second, "same", "mine", "1");
	EXPECT_ANSWER(second, "call", "same x", "1");
	CHECK_EQ(mett_action_delete(second, "same", NULL), 0);
	EXPECT_ANSWER(first, "same", "still", "still");
	/* What one has and the other has not. */
	EXPECT_FAILURE(second, "same", "", NULL, METT_NO_ACTION);
	EXPECT_FAILURE(second, "call", "same x", NULL, METT_FAILED, 1, "no action 'same'");
	EXPECT_ERROR(error, METT_NO_ACTION, "", mett_action_delete(second, "same", &error));
	CHECK_EQ(mett_action_list(second, &rows, &count, NULL), 0);
	CHECK_EQ(count, 1);
	CHECK_STR(rows[0].name, "call");
	free(rows);
	mett_client_free(second);
	EXPECT_ANSWER(first, "same", "still", "still");
	end(&server, first);
}

/* A client in a process of its own, with invocations of all kinds under way. */
static pid_t start_client(const struct server *server)
{
	const struct mett_action_options spawn = {.policy = METT_POLICY_SPAWN},
					 reuse = {.policy = METT_POLICY_REUSE};
	struct mett_client *client;
	int ends[2];
	char byte;

	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		client = join(server);
		deploy(client, "spin", NULL);
		deploy(client, "call", NULL);
		deploy(client, "sleep", &spawn);
		deploy(client, "counter", &reuse);
		EXPECT_ANSWER(client, "counter", "", "1");
		EXPECT_ANSWER(client, "call", "counter ", "2");
		submit(client, "sleep", "600000", 0);
		submit(client, "spin", "", 0);
		submit(client, "call", "spin ", 0);
		EXPECT_ANSWER(client, "counter", "", "3");
		CHECK_EQ(write(ends[1], "", 1), 1);
		pause();
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	/* Let them all really run. */
	pause_ms(300);
	return pid;
}

static void kill_client(pid_t pid)
{
	int status;

	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

TEST(killed_client)
{
	struct mett_client *client;
	struct server server;
	char options[64];

	snprintf(options, sizeof(options), "--cores %d --core-policy refuse", some_core());
	server_start(&server, options);
	struct usage empty = server_steady(&server);
	unsigned mounts = server_mounts(&server);
	for (int i = 0; i < 3; i++) {
		pid_t pid = start_client(&server);

		CHECK(server_usage(&server).processes >= empty.processes + 10);
		CHECK_EQ(mett_register_client(server.socket, &client, NULL), -ENOENT);
		kill_client(pid);
		server_expect_usage(&server, empty);
		CHECK_EQ(server_mounts(&server), mounts);
		SOON(!mett_register_client(server.socket, &client, NULL));
		mett_client_free(client);
		server_expect_usage(&server, empty);
	}
	server_stop(&server);
}

TEST(killed_server)
{
	pid_t pids[PIDS_MAX];
	struct server server;

	server_start(&server, "");
	pid_t client = start_client(&server);
	/* From now on it can clean up nothing itself. */
	CHECK_EQ(kill(server.pid, SIGSTOP), 0);
	unsigned count = server_processes(&server, pids, PIDS_MAX);
	CHECK(count >= 10 && count <= PIDS_MAX);
	kill_client(client);
	server_kill(&server);
	for (unsigned i = 0; i < count; i++)
		CHECK(kill(pids[i], 0) < 0 && errno == ESRCH);
	server_remove(&server);
}

/* Without its launcher a server can make no sandboxes; it says so, and still ends well. */
TEST(killed_launcher)
{
	struct mett_client *client;
	struct mett_result result;
	struct server server;
	pid_t launcher;

	server_start(&server, "--spare-sandboxes 0");
	CHECK_EQ(server_steady(&server).processes, 1);
	CHECK_EQ(server_processes(&server, &launcher, 1), 1);
	client = join(&server);
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "x", "x");
	CHECK_EQ(kill(launcher, SIGKILL), 0);
	deploy(client, "counter", NULL);
	CHECK(mett_action_invoke(client, "counter", NULL, 0, NULL, &result) < 0);
	CHECK_EQ(result.error.reason, METT_NO_START);
	CHECK(strstr(result.error.message, "'counter' did not start: the server's launcher"));
	mett_result_deinit(&result);
	end(&server, client);
}

/* A client with one invocation of `sleep` that the server has begun. */
static struct mett_client *sleeping_client(const struct server *server, const char *ms)
{
	struct mett_client *client = join(server);

	deploy(client, "echo", NULL);
	deploy(client, "sleep", NULL);
	submit(client, "sleep", ms, 7);
	/* The server takes a client's messages in order. */
	EXPECT_ANSWER(client, "echo", "x", "x");
	return client;
}

static void expect_outcome(struct mett_client *client, enum mett_reason reason)
{
	struct mett_result result;
	uint64_t token;

	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_EQ(token, 7);
	CHECK_EQ(result.error.reason, reason);
	CHECK_EQ(result.answer_size > 0, reason == METT_OK);
	mett_result_deinit(&result);
}

static bool refuses(struct mett_client *client)
{
	struct mett_result result;
	int returned = mett_action_invoke(client, "echo", NULL, 0, NULL, &result);
	bool refused =
		result.error.reason == METT_GONE && strstr(result.error.message, "shutting down");

	CHECK(returned == 0 || (returned == -EPIPE && refused));
	mett_result_deinit(&result);
	return refused;
}

TEST(drain)
{
	struct mett_client *client, *late;
	struct mett_error error;
	struct server server;

	server_start(&server, "--drain-timeout 60000");
	client = sleeping_client(&server, "3000");
	CHECK_EQ(kill(server.pid, SIGTERM), 0);
	SOON(refuses(client));
	EXPECT_ERROR(error, METT_GONE, "the server is shutting down",
	             mett_register_client(server.socket, &late, &error));
	expect_outcome(client, METT_OK);
	CHECK_EQ(server_wait(&server), 0);
	EXPECT_FAILURE(client, "echo", "", NULL, METT_GONE, 0, "register again");
	CHECK_EQ(rmdir(server.folder), 0);
	mett_client_free(client);
}

TEST(second_signal_ends_at_once)
{
	struct mett_client *client;
	struct server server;

	server_start(&server, "--drain-timeout 1000000");
	client = sleeping_client(&server, "600000");
	CHECK_EQ(kill(server.pid, SIGTERM), 0);
	SOON(refuses(client));
	CHECK_EQ(waitpid(server.pid, NULL, WNOHANG), 0);
	server_stop(&server);
	expect_outcome(client, METT_GONE);
	mett_client_free(client);
}

TEST(drain_ends)
{
	struct mett_client *client;
	struct server server;

	server_start(&server, "--drain-timeout 300");
	client = sleeping_client(&server, "600000");
	server_stop(&server);
	expect_outcome(client, METT_GONE);
	mett_client_free(client);
}

TEST(one_server_a_socket)
{
	struct server server;
	char output[1024];
	struct mett_client *client = begin(&server, "");

	deploy(client, "echo", NULL);
	char *argv[] = {"mett-eagle", "--socket", server.socket, NULL};
	CHECK_EQ(WEXITSTATUS(run_server(argv, output, sizeof(output))), 1);
	CHECK(strstr(output, "another server does"));
	EXPECT_ANSWER(client, "echo", "x", "x");
	mett_client_free(client);
	client = join(&server);
	end(&server, client);
}

TEST(stale_socket)
{
	struct server server;

	server_start(&server, "");
	server_kill(&server);
	CHECK_EQ(access(server.socket, F_OK), 0);
	server_start_at(&server, "");
	mett_client_free(join(&server));
	server_stop(&server);
}

TEST(file_in_the_way)
{
	struct server server;
	struct stat status;
	char output[1024];

	server_start(&server, "");
	server_kill(&server);
	unlink(server.socket);
	make_file(&server, "socket", "precious", 8);
	char *argv[] = {"mett-eagle", "--socket", server.socket, NULL};
	CHECK_EQ(WEXITSTATUS(run_server(argv, output, sizeof(output))), 1);
	CHECK(strstr(output, "no socket"));
	CHECK_EQ(stat(server.socket, &status), 0);
	CHECK(S_ISREG(status.st_mode) && status.st_size == 8);
	server_remove(&server);
}
