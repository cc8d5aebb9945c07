/* The server's command line, and what it tells those who started it. */
#include "fixture.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USAGE = 2, FAILED = 1, ROOM = 8192 };

static char output[ROOM];

/* Runs the server with these arguments to its end; it must exit with this code. */
static void check_run(int line, int code, char *const argv[], const char *const parts[])
{
	int status = run_server(argv, output, sizeof(output));

	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		test_fail(__FILE__, line, "wait status 0x%x: %s", status, output);
	for (int i = 0; parts[i]; i++)
		if (!strstr(output, parts[i]))
			test_fail(__FILE__, line, "no '%s' in: %s", parts[i], output);
}

#define ARGS(...)                       ((char *[]){"mett-eagle", __VA_ARGS__, NULL})
#define PARTS(...)                      ((const char *[]){__VA_ARGS__, NULL})
#define CHECK_RUN(code_, args_, parts_) check_run(__LINE__, code_, args_, parts_)

TEST(help_and_version)
{
	CHECK_RUN(0, ARGS("--help"),
	          PARTS("Usage: mett-eagle", "--socket PATH", "--socket-mode", "--state DIR",
	                "--cores LIST", "--core-policy", "--max-clients", "--max-payload",
	                "--max-memory", "--parked", "--max-parked", "--spare-sandboxes",
	                "--drain-timeout", "--ready-fd", "-n, --check", "--version"));
	CHECK_RUN(0, ARGS("-h"), PARTS("Usage: mett-eagle"));
	CHECK_RUN(0, ARGS("--version"), PARTS("mett-eagle 0.1.0\n"));
	CHECK_RUN(0, ARGS("-V"), PARTS("mett-eagle 0.1.0\n"));
}

TEST(wrong_options)
{
	CHECK_RUN(USAGE, ARGS("--nonsense"), PARTS("nonsense", "--help"));
	CHECK_RUN(USAGE, ARGS("-x"), PARTS("x", "--help"));
	CHECK_RUN(USAGE, ARGS("--socket"), PARTS("argument", "--help"));
	CHECK_RUN(USAGE, ARGS("nonsense"), PARTS("'nonsense'"));
	CHECK_RUN(USAGE, ARGS("-n", "--core-policy", "maybe"), PARTS("'maybe'", "share or refuse"));
	CHECK_RUN(USAGE, ARGS("-n", "--max-clients", "0"), PARTS("--max-clients", "from 1"));
	CHECK_RUN(USAGE, ARGS("-n", "--max-clients", "many"), PARTS("--max-clients", "'many'"));
	CHECK_RUN(USAGE, ARGS("-n", "--max-payload", "1K"), PARTS("--max-payload", "65536"));
	CHECK_RUN(USAGE, ARGS("-n", "--max-payload", "17M"), PARTS("--max-payload", "16777216"));
	CHECK_RUN(USAGE, ARGS("-n", "--max-memory", "-1"), PARTS("--max-memory"));
	CHECK_RUN(USAGE, ARGS("-n", "--max-memory", "99999999T"), PARTS("--max-memory"));
	CHECK_RUN(USAGE, ARGS("-n", "--parked", "65"), PARTS("--parked", "64"));
	CHECK_RUN(USAGE, ARGS("-n", "--spare-sandboxes", "65"), PARTS("--spare-sandboxes", "64"));
	CHECK_RUN(USAGE, ARGS("-n", "--drain-timeout", "1s"), PARTS("--drain-timeout", "'1s'"));
	CHECK_RUN(USAGE, ARGS("-n", "--ready-fd", "-1"), PARTS("--ready-fd"));
	CHECK_RUN(USAGE, ARGS("-n", "--socket-mode", "888"), PARTS("--socket-mode", "0660"));
	CHECK_RUN(USAGE, ARGS("-n", "--socket-mode", "7777"), PARTS("--socket-mode"));
}

TEST(wrong_cores)
{
	static char *const lists[] = {"",   "x",  "-1",  "0-",   "1-0",
	                              "0,", ",0", "0;1", "0--1", "99999"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		CHECK_RUN(USAGE, ARGS("-n", "--cores", lists[i]),
		          PARTS("--cores", "no list of cores", lists[i]));
	CHECK_RUN(USAGE, ARGS("-n", "--cores", "1023"), PARTS("--cores", "1023 is not there"));
}

TEST(socket_path)
{
	char path[109] = "/tmp/";

	CHECK_RUN(USAGE, ARGS("--socket", ""), PARTS("--socket", "1 to 107 bytes"));
	memset(path + 5, 'x', sizeof(path) - 6);
	CHECK_RUN(USAGE, ARGS("--socket", path), PARTS("--socket", "1 to 107 bytes"));
	server_needs();
	CHECK_RUN(FAILED, ARGS("--socket", "/nonexistent/socket"),
	          PARTS("/nonexistent/socket", "its folder is not there"));
}

TEST(longest_socket_path)
{
	struct server server;

	server_start(&server, "");
	server_kill(&server);
	server_remove(&server);
	CHECK_EQ(mkdir(server.folder, 0700), 0);
	size_t length = strlen(server.socket);
	memset(server.socket + length, 'x', 107 - length);
	server.socket[107] = 0;
	server_start_at(&server, "");
	mett_client_free(join(&server));
	server_stop(&server);
}

TEST(unwritable_folder)
{
	server_needs();
	become_nobody();
	server_needs();
	CHECK_RUN(FAILED, ARGS("--socket", "/mett-eagle-test"),
	          PARTS("cannot listen at /mett-eagle-test", "choose a --socket",
	                "METT_SOCKET or XDG_RUNTIME_DIR"));
}

TEST(check_prints_the_configuration)
{
	char first[16];
	struct server server;

	server_start(&server, "");
	server_stop(&server);
	CHECK_RUN(0, ARGS("-n", "--socket", server.socket),
	          PARTS("core-policy share\n", "socket-mode 0600\n", "max-payload 16777216\n",
	                "max-clients 1024\n", "parked 2\n", "max-parked 16\n",
	                "spare-sandboxes 2\n", "drain-timeout 10000\n", server.socket));
	/* It only looks: no socket, no lock, not even their folder. */
	CHECK(access(server.folder, F_OK) < 0);
	char *list = strstr(output, "\ncores ");
	CHECK(list);
	snprintf(first, sizeof(first), "%d", atoi(list + 7));
	CHECK_RUN(0,
	          ARGS("--check", "--socket", "/x", "--cores", first, "--core-policy", "refuse",
	               "--max-payload", "1m", "--max-clients", "7", "--max-memory", "1G",
	               "--parked", "0", "--max-parked", "3", "--spare-sandboxes", "7",
	               "--drain-timeout", "5", "--socket-mode", "666"),
	          PARTS("socket /x\n", "core-policy refuse\n", "max-payload 1048576\n",
	                "max-clients 7\n", "max-memory 1073741824\n", "parked 0\n",
	                "max-parked 3\n", "spare-sandboxes 7\n", "drain-timeout 5\n",
	                "socket-mode 0666\n"));
	char line[32];
	snprintf(line, sizeof(line), "\ncores %s\n", first);
	CHECK(strstr(output, line));
}

TEST(default_socket)
{
	server_needs();
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	unsetenv("METT_SOCKET");
	CHECK_RUN(0, ARGS("-n"), PARTS("socket /run/user/7/mett-eagle/socket\n"));
	setenv("METT_SOCKET", "/somewhere", 1);
	CHECK_RUN(0, ARGS("-n"), PARTS("socket /somewhere\n"));
	unsetenv("METT_SOCKET");
	unsetenv("XDG_RUNTIME_DIR");
	CHECK_RUN(0, ARGS("-n"), PARTS("socket /run/mett-eagle/socket\n"));
}

TEST(client_finds_the_socket)
{
	struct mett_client *client;
	struct mett_error error;
	struct server server;

	server_start(&server, "");
	setenv("METT_SOCKET", server.socket, 1);
	CHECK_EQ(mett_register_client(NULL, &client, &error), 0);
	end(&server, client);
	EXPECT_ERROR(error, METT_GONE, server.socket, mett_register_client(NULL, &client, &error));
}

TEST(socket_mode)
{
	struct server server;
	struct stat status;

	server_start(&server, "");
	CHECK_EQ(stat(server.socket, &status), 0);
	CHECK_EQ(status.st_mode & 07777, 0600);
	server_stop(&server);
	server_start(&server, "--socket-mode 0660");
	CHECK_EQ(stat(server.socket, &status), 0);
	CHECK_EQ(status.st_mode & 07777, 0660);
	server_stop(&server);
}

/* One line, when clients can connect, and then the end. */
TEST(ready_fd)
{
	struct server server;
	char bytes[8], fd[16];
	int ends[2];

	server_start(&server, "");
	server_stop(&server);
	CHECK_EQ(mkdir(server.folder, 0700), 0);
	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		setenv("LOG_LEVEL", "error", 1);
		snprintf(fd, sizeof(fd), "%d", ends[1]);
		execv(server_program(),
		      ARGS("--socket", server.socket, "--state", "none", "--ready-fd", fd));
		_exit(127);
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], bytes, sizeof(bytes)), 1);
	CHECK_EQ(bytes[0], '\n');
	server.pid = pid;
	mett_client_free(join(&server));
	CHECK_EQ(read(ends[0], bytes, sizeof(bytes)), 0);
	close(ends[0]);
	server_stop(&server);
}

static int notify_socket(struct sockaddr_un *ret, socklen_t *ret_size)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)ret, *ret_size), 0);
	return fd;
}

static void expect_datagram(int fd, const char *text)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	char bytes[64] = "";

	CHECK_EQ(poll(&readable, 1, SOON_MS), 1);
	CHECK_EQ(recv(fd, bytes, sizeof(bytes) - 1, 0), strlen(text));
	CHECK_STR(bytes, text);
}

TEST(service_manager_is_told)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/mett-eagle-test-XXXXXX";
	struct server server;
	socklen_t size = sizeof(address);

	/* By a path, and by a name without one. */
	CHECK(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
	int fd = notify_socket(&address, &size);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	server_start(&server, "");
	expect_datagram(fd, "READY=1");
	server_stop(&server);
	expect_datagram(fd, "STOPPING=1");
	close(fd);
	unlink(address.sun_path);
	CHECK_EQ(rmdir(folder), 0);

	size = sizeof(sa_family_t);
	fd = notify_socket(&address, &size);
	size = sizeof(address);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	char name[sizeof(address.sun_path) + 1];
	snprintf(name, sizeof(name), "@%.*s",
	         (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), address.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	server_start(&server, "");
	expect_datagram(fd, "READY=1");
	server_stop(&server);
	expect_datagram(fd, "STOPPING=1");
	close(fd);
}

TEST(interrupt_is_as_good_as_term)
{
	struct server server;

	server_start(&server, "");
	CHECK_EQ(kill(server.pid, SIGINT), 0);
	CHECK_EQ(server_wait(&server), 0);
	CHECK_EQ(rmdir(server.folder), 0);
	/* Nobody there to read its log, or at its terminal any more, is no reason to end. */
	server_start(&server, "");
	CHECK_EQ(kill(server.pid, SIGHUP), 0);
	CHECK_EQ(kill(server.pid, SIGPIPE), 0);
	mett_client_free(join(&server));
	server_stop(&server);
}
