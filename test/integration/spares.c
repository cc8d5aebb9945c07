/*
 * Sandboxes made ahead of need: each is used once and replaced, one that died is
 * passed over, more at once than there are work as well, and none outlives the
 * server or the launcher.
 */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { SPARES = 3, ROOM = 1024 };
#define WITH_SPARES "--spare-sandboxes 3"

static bool is_named(pid_t pid, const char *name)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	text[strcspn(text, "\n")] = 0;
	return !strcmp(text, name);
}

/* Processes of that name below the server; at most ROOM, into @ret where it is not NULL. */
static unsigned find(const struct server *server, const char *name, pid_t *ret)
{
	static pid_t all[ROOM];
	unsigned count = server_processes(server, all, ROOM), found = 0;

	CHECK(count <= ROOM);
	for (unsigned i = 0; i < count; i++)
		if (is_named(all[i], name)) {
			if (ret)
				ret[found] = all[i];
			found++;
		}
	return found;
}

static bool is_gone(pid_t pid)
{
	/* Who lost its parent to us is ours to wait for. */
	waitpid(pid, NULL, WNOHANG);
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static void start(struct server *server, pid_t spares[ROOM])
{
	server_start(server, WITH_SPARES);
	SOON(find(server, "mett-spare", spares) == SPARES);
}

TEST(used_once_and_replaced)
{
	pid_t spares[ROOM], inits[ROOM], later[ROOM];
	struct mett_client *client;
	struct server server;

	start(&server, spares);
	client = join(&server);
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "x", "x");
	SOON(find(&server, "mett-init", inits) == 1);
	CHECK(inits[0] == spares[0] || inits[0] == spares[1] || inits[0] == spares[2]);
	SOON(find(&server, "mett-spare", later) == SPARES);
	/* Nobody moves into a sandbox again. */
	CHECK_EQ(mett_action_delete(client, "echo", NULL), 0);
	SOON(is_gone(inits[0]));
	mett_client_free(client);
	SOON(find(&server, "mett-init", NULL) == 0);
	CHECK_EQ(find(&server, "mett-spare", later), SPARES);
	server_stop(&server);
}

TEST(every_spawned_worker_has_its_own)
{
	const struct mett_action_options spawn = {.policy = METT_POLICY_SPAWN};
	enum { WORKERS = 3 * SPARES };
	struct server server;
	struct mett_client *client = begin_counted(&server, WITH_SPARES " --parked 0");

	deploy(client, "sleep", &spawn);
	for (int i = 0; i < WORKERS; i++)
		submit(client, "sleep", "3600000", 0);
	SOON(find(&server, "mett-init", NULL) == WORKERS);
	SOON(find(&server, "mett-spare", NULL) == SPARES);
	end_counted(&server, client);
}

TEST(none)
{
	struct mett_client *client;
	struct server server;

	server_start(&server, "--spare-sandboxes 0");
	CHECK_EQ(server_steady(&server).processes, 1);
	client = join(&server);
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "x", "x");
	SOON(find(&server, "mett-init", NULL) == 1);
	CHECK_EQ(find(&server, "mett-spare", NULL), 0);
	end(&server, client);
}

TEST(dead_ones_are_passed_over)
{
	pid_t spares[ROOM], later[ROOM];
	struct mett_client *client;
	struct server server;

	start(&server, spares);
	for (int i = 0; i < SPARES; i++) {
		CHECK_EQ(kill(spares[i], SIGKILL), 0);
		SOON(is_gone(spares[i]));
	}
	client = join(&server);
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "x", "x");
	SOON(find(&server, "mett-spare", later) == SPARES);
	end(&server, client);
}

TEST(die_with_the_server)
{
	pid_t spares[ROOM];
	struct server server;

	start(&server, spares);
	server_kill(&server);
	for (int i = 0; i < SPARES; i++)
		CHECK(is_gone(spares[i]));
	server_remove(&server);
}

/* Even when the launcher is in no state to do anything about it. */
TEST(die_with_the_server_alone)
{
	pid_t spares[ROOM], launcher[ROOM];
	struct server server;

	start(&server, spares);
	CHECK_EQ(find(&server, "mett-launcher", launcher), 1);
	CHECK_EQ(kill(launcher[0], SIGSTOP), 0);
	CHECK_EQ(kill(server.pid, SIGKILL), 0);
	for (int i = 0; i < SPARES; i++)
		SOON(is_named(spares[i], "mett-spare") == false || is_gone(spares[i]));
	CHECK_EQ(kill(launcher[0], SIGCONT), 0);
	server_wait(&server);
	server_remove(&server);
}

TEST(die_with_the_launcher)
{
	pid_t spares[ROOM], launcher[ROOM], inits[ROOM];
	struct mett_client *client;
	struct server server;

	start(&server, spares);
	client = join(&server);
	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "x", "x");
	SOON(find(&server, "mett-spare", spares) == SPARES);
	CHECK_EQ(find(&server, "mett-init", inits), 1);
	CHECK_EQ(find(&server, "mett-launcher", launcher), 1);
	CHECK_EQ(kill(launcher[0], SIGKILL), 0);
	for (int i = 0; i < SPARES; i++)
		SOON(is_gone(spares[i]));
	/* Those in use serve on. */
	for (int i = 0; i < 10; i++)
		EXPECT_ANSWER(client, "echo", "x", "x");
	CHECK(is_named(inits[0], "mett-init"));
	end(&server, client);
}

TEST(sleep_until_they_are_used)
{
	pid_t all[ROOM];
	unsigned long before[SPARES + 1];
	struct server server;

	start(&server, all);
	CHECK_EQ(find(&server, "mett-launcher", all + SPARES), 1);
	server_steady(&server);
	for (int i = 0; i <= SPARES; i++)
		before[i] = count_switches(all[i]);
	pause_ms(1000);
	for (int i = 0; i <= SPARES; i++)
		CHECK_EQ(count_switches(all[i]), before[i]);
	server_stop(&server);
}
