/* Becoming a client: each way in which that can fail is told apart. */
#include "test-server.h"

#include <test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct test_server server;

static void check_refused(const char *path, int outcome, enum mett_reason reason, const char *part)
{
	struct mett_client *client = (void *)1;
	struct mett_error error = {0};

	CHECK_EQ(mett_register_client(path, &client, &error), outcome);
	CHECK(client == (void *)1);
	CHECK_EQ(error.reason, reason);
	if (!strstr(error.message, part))
		test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", error.message, part);
	CHECK_EQ(mett_register_client(path, NULL, NULL), -EINVAL);
}

/* Starts the server as it was changed by the test, and expects a refusal. */
static void check_server(int outcome, enum mett_reason reason, const char *part)
{
	test_server_start(&server);
	check_refused(server.path, outcome, reason, part);
	test_server_stop(&server);
}

TEST(the_default_path_comes_from_the_environment)
{
	char path[108];

	setenv("METT_SOCKET", "/a/b", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	CHECK_EQ(mett_default_socket(path, sizeof(path)), 0);
	CHECK_STR(path, "/a/b");
	CHECK_EQ(mett_default_socket(path, 4), -ENAMETOOLONG);
	CHECK_EQ(mett_default_socket(path, 5), 0);
	setenv("METT_SOCKET", "", 1);
	CHECK_EQ(mett_default_socket(path, sizeof(path)), 0);
	CHECK_STR(path, "/run/user/7/mett-eagle/socket");
	unsetenv("XDG_RUNTIME_DIR");
	CHECK_EQ(mett_default_socket(path, sizeof(path)), 0);
	CHECK_STR(path, "/run/mett-eagle/socket");
}

TEST(where_a_server_keeps_things)
{
	char path[108];

	setenv("XDG_STATE_HOME", "/a", 1);
	CHECK_EQ(mett_default_state(path, sizeof(path)), 0);
	CHECK_STR(path, "/a/mett-eagle");
	CHECK_EQ(mett_default_state(path, 13), -ENAMETOOLONG);
	CHECK_STR(path, "");
	CHECK_EQ(mett_default_state(path, 14), 0);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/b", 1);
	CHECK_EQ(mett_default_state(path, sizeof(path)), 0);
	CHECK_STR(path, geteuid() ? "/b/.local/state/mett-eagle" : "/var/lib/mett-eagle");
	setenv("HOME", "not from the root", 1);
	CHECK_EQ(mett_default_state(path, sizeof(path)), geteuid() ? -ENOENT : 0);
}

TEST(a_server_is_found_and_left)
{
	struct mett_client *client;
	struct mett_error error;

	test_server_init(&server, NULL);
	server.registered.core = 3;
	test_server_start(&server);
	setenv("METT_SOCKET", server.path, 1);
	CHECK_EQ(mett_register_client(NULL, &client, &error), 0);
	CHECK_EQ(error.reason, METT_OK);
	CHECK_EQ(mett_client_core(client), 3);
	CHECK(mett_client_fd(client) >= 0);
	mett_client_free(client);
	mett_client_free(NULL);
	test_server_stop(&server);
}

TEST(no_server_has_many_faces)
{
	char directory[] = "/tmp/mett-test-XXXXXX", path[64], longest[200];
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	check_refused(path, -EPIPE, METT_GONE, "no such socket");
	check_refused("", -EINVAL, METT_BAD_ARGUMENT, "0 bytes");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	check_refused(longest, -EINVAL, METT_BAD_ARGUMENT, "199 bytes");
	setenv("METT_SOCKET", longest, 1);
	check_refused(NULL, -EINVAL, METT_BAD_ARGUMENT, "METT_SOCKET");

	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	check_refused(path, -EPIPE, METT_GONE, "nobody listens");
	close(fd);
	check_refused(path, -EPIPE, METT_GONE, "nobody listens");
	unlink(path);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	check_refused(path, -EPIPE, METT_GONE, "another program");
	close(fd);
	unlink(path);
	rmdir(directory);
}

TEST(permission_is_told_from_absence)
{
	test_server_init(&server, NULL);
	test_server_start(&server);
	CHECK_EQ(chmod(server.directory, 0711), 0);
	CHECK_EQ(chmod(server.path, 0600), 0);
	if (geteuid() == 0 && seteuid(65534) < 0)
		test_skip("cannot become another user");
	if (getuid() != 0)
		CHECK_EQ(chmod(server.path, 0), 0);
	check_refused(server.path, -EPIPE, METT_GONE, "permission denied");
	if (getuid() == 0)
		CHECK_EQ(seteuid(0), 0);
	test_server_stop(&server);
}

TEST(the_server_says_no)
{
	test_server_init(&server, NULL);
	server.registered.reason = METT_NO_CORE;
	server.caps = 0;
	strcpy(server.text, "all 4 cores are taken");
	check_server(-ENOENT, METT_NO_CORE, "all 4 cores are taken");
	server.registered.reason = METT_BUSY;
	server.text[0] = 0;
	check_server(-EAGAIN, METT_BUSY, "busy");
}

TEST(another_version_is_named)
{
	test_server_init(&server, NULL);
	server.registered.version = 9;
	check_server(-EPIPE, METT_GONE, "version 9");
}

TEST(what_is_no_server_is_not_believed)
{
	const char *rubbish = "does not speak our protocol";

	test_server_init(&server, NULL);
	server.registered.header.type = MESSAGE_DONE;
	check_server(-EPIPE, METT_GONE, rubbish);
	test_server_init(&server, NULL);
	server.registered.header.tag = 1;
	check_server(-EPIPE, METT_GONE, rubbish);
	test_server_init(&server, NULL);
	server.registered.reason = METT_REASON_COUNT;
	check_server(-EPIPE, METT_GONE, rubbish);
	test_server_init(&server, NULL);
	server.caps = 3;
	check_server(-EPIPE, METT_GONE, rubbish);
	test_server_init(&server, NULL);
	server.caps = 1;
	check_server(-EPIPE, METT_GONE, "gave no gate and window");
	test_server_init(&server, NULL);
	server.window_size = sizeof(struct client_window) - 1;
	check_server(-EPIPE, METT_GONE, "gave no gate and window");
}

TEST_TIMEOUT(a_mute_server_is_given_up, 20)
{
	uint64_t before = sys_clock_ns();

	test_server_init(&server, NULL);
	server.mute = true;
	check_server(-EPIPE, METT_GONE, "does not answer within 5 s");
	CHECK(sys_clock_ns() - before > 4900000000 && sys_clock_ns() - before < 9000000000);
}

/* Nobody accepts: the queue of the listening socket is full. */
TEST_TIMEOUT(a_stuck_server_is_given_up, 20)
{
	int waiting[8];
	size_t count = 0;

	test_server_init(&server, NULL);
	test_server_start(&server);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/2", server.directory);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(listener, 0), 0);
	while (count < 8) {
		waiting[count] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(waiting[count++], (const struct sockaddr *)&address, sizeof(address)))
			break;
	}
	check_refused(address.sun_path, -EPIPE, METT_GONE, "within 5 s");
	while (count)
		close(waiting[--count]);
	close(listener);
	unlink(address.sun_path);
	test_server_stop(&server);
}
