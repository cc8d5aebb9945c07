/*
 * The basics again without rights: the server as an ordinary user, and clients
 * who are not the server's user. Run as root these become nobody.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(answers)
{
	struct server server;

	become_nobody();
	struct mett_client *client = begin_counted(&server, "");
	deploy(client, "call", NULL);
	for (enum mett_policy policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++) {
		deploy(client, "echo", &(struct mett_action_options){.policy = policy});
		for (int i = 0; i < 10; i++) {
			EXPECT_ANSWER(client, "echo", "hello", "hello");
			EXPECT_ANSWER(client, "call", "call echo nested", "nested");
		}
		CHECK_EQ(mett_action_delete(client, "echo", NULL), 0);
	}
	end_counted(&server, client);
}

TEST(large_payload)
{
	char *large = calloc(1, METT_PAYLOAD_MAX);
	struct mett_result result;
	struct server server;

	become_nobody();
	memset(large, 'l', METT_PAYLOAD_MAX);
	struct mett_client *client = begin(&server, "");
	deploy(client, "echo", NULL);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(mett_action_invoke(client, "echo", large, METT_PAYLOAD_MAX, NULL, &result),
		         0);
		CHECK_EQ(result.answer_size, METT_PAYLOAD_MAX);
		CHECK(!memcmp(result.answer, large, METT_PAYLOAD_MAX));
		mett_result_deinit(&result);
	}
	end(&server, client);
	free(large);
}

TEST(failures)
{
	const struct mett_config config = {.memory_limit = 32 * MIB, .timeout_us = 500 * MS_US},
				 patient = {.memory_limit = 32 * MIB};
	struct server server;

	become_nobody();
	struct mett_client *client = begin_counted(&server, "");
	deploy(client, "crash", NULL);
	EXPECT_FAILURE(client, "crash", "", NULL, METT_CRASHED, SIGSEGV, "signal 11",
	               "address 0x0");
	deploy(client, "spin", NULL);
	EXPECT_FAILURE(client, "spin", "", &config, METT_TIMED_OUT, 500);
	deploy(client, "allocate", NULL);
	EXPECT_FAILURE(client, "allocate", "", &patient, METT_OUT_OF_MEMORY, 32768);
	deploy(client, "forbidden", NULL);
	EXPECT_FAILURE(client, "forbidden", "", NULL, METT_FORBIDDEN);
	deploy(client, "closefds", NULL);
	EXPECT_FAILURE(client, "closefds", "", NULL, METT_EXITED, 1);
	deploy(client, "exit", NULL);
	EXPECT_FAILURE(client, "exit", "42", NULL, METT_EXITED, 42);
	deploy(client, "noinit", NULL);
	EXPECT_FAILURE(client, "noinit", "", NULL, METT_NO_START, 0, "no model of 3 dimensions");
	deploy(client, "forkbomb", NULL);
	EXPECT_ANSWER(client, "forkbomb", "", "0");
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "fine", "fine");
	end_counted(&server, client);
}

TEST(many_in_flight)
{
	struct server server;

	become_nobody();
	struct mett_client *client = begin(&server, "");
	deploy(client, "sleep", NULL);
	keep_busy(client, "sleep", "500", METT_IN_FLIGHT_MAX, METT_IN_FLIGHT_MAX);
	end(&server, client);
}

enum { CLIENTS = 64, EACH = 16 };

struct crowd {
	struct server server;
	pthread_barrier_t ready;
};

static void *one_of_crowd(void *data)
{
	struct crowd *crowd = data;
	struct mett_client *client = join(&crowd->server);

	deploy(client, "sleep", NULL);
	pthread_barrier_wait(&crowd->ready);
	keep_busy(client, "sleep", "1", EACH, EACH);
	mett_client_free(client);
	return NULL;
}

/* All processes are one user's, and so share what the kernel allows a user to have in flight. */
TEST_TIMEOUT(many_clients_at_once, 300)
{
	static struct crowd crowd;
	pthread_t threads[CLIENTS];

	become_nobody();
	server_start(&crowd.server, "");
	struct usage empty = server_steady(&crowd.server);
	CHECK_EQ(pthread_barrier_init(&crowd.ready, NULL, CLIENTS), 0);
	for (int i = 0; i < CLIENTS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, one_of_crowd, &crowd), 0);
	for (int i = 0; i < CLIENTS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&crowd.ready);
	server_expect_usage(&crowd.server, empty);
	server_stop(&crowd.server);
}

TEST(killed_server)
{
	struct server server;
	pid_t pids[64];

	become_nobody();
	struct mett_client *client = begin(&server, "");
	deploy(client, "spin", NULL);
	deploy(client, "echo", NULL);
	submit(client, "spin", "", 0);
	EXPECT_ANSWER(client, "echo", "x", "x");
	unsigned count = server_processes(&server, pids, 64);
	CHECK(count >= 5 && count <= 64);
	server_kill(&server);
	for (unsigned i = 0; i < count; i++)
		CHECK(kill(pids[i], 0) < 0 && errno == ESRCH);
	server_remove(&server);
	mett_client_free(client);
}

static void run_foreign_client(const struct server *server, bool may_enter)
{
	struct mett_client *client;
	struct mett_error error;
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		become_nobody();
		if (may_enter) {
			client = join(server);
			deploy(client, "echo", NULL);
			EXPECT_ANSWER(client, "echo", "hello", "hello");
			mett_client_free(client);
		} else {
			EXPECT_ERROR(error, METT_GONE, "permission denied",
			             mett_register_client(server->socket, &client, &error));
		}
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	/* A skip's reason is on stdout already, and it is the whole test's. */
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	CHECK_EQ(status, 0);
}

/* Who may connect is who may open the socket. */
TEST(another_users_client)
{
	struct server server;

	if (geteuid() != 0)
		test_skip("only root can become another user");
	server_start(&server, "");
	CHECK_EQ(chmod(server.folder, 0711), 0);
	run_foreign_client(&server, false);
	server_stop(&server);
	server_start(&server, "--socket-mode 0666");
	run_foreign_client(&server, false);
	CHECK_EQ(chmod(server.folder, 0711), 0);
	run_foreign_client(&server, true);
	server_stop(&server);
}
