/* Create, update, delete, list; and what is refused before the server hears of it. */
#include "test-server.h"

#include <test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct test_server server;

static struct mett_client *start(void (*serve)(struct test_server *server))
{
	struct mett_client *client = NULL;

	test_server_init(&server, serve);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, NULL), 0);
	return client;
}

static void stop(struct mett_client *client)
{
	mett_client_free(client);
	test_server_stop(&server);
}

static void check_program(struct test_server *its, const char *want)
{
	const struct message_create *create = (const void *)its->message;
	size_t size;
	void *memory;

	CHECK_EQ(its->received.cap_count, 1);
	CHECK_EQ(sys_dataspace_check(its->received.caps[0], &size), 0);
	CHECK_EQ(size, strlen(want));
	CHECK_EQ(sys_map(its->received.caps[0], size, 0, &memory), 0);
	CHECK(memcmp(memory, want, size) == 0);
	sys_unmap(memory, size);
	CHECK(message_name_valid(&create->name));
	CHECK_STR(create->name.text, "act");
}

static void serve_actions(struct test_server *its)
{
	const struct message_create *create = (const void *)its->message;

	CHECK_EQ(test_server_take(its), MESSAGE_CREATE);
	check_program(its, "program");
	CHECK_EQ(create->language, METT_LANGUAGE_BINARY);
	CHECK_EQ(create->policy, METT_POLICY_DEFAULT);
	test_server_status(its, METT_OK, "");
	CHECK_EQ(test_server_take(its), MESSAGE_UPDATE);
	check_program(its, "program");
	CHECK_EQ(create->language, METT_LANGUAGE_PYTHON);
	CHECK_EQ(create->policy, METT_POLICY_REUSE);
	CHECK_EQ(create->defaults.memory_limit, 5);
	CHECK_EQ(create->defaults.timeout_us, 6);
	test_server_status(its, METT_OK, "");
	CHECK_EQ(test_server_take(its), MESSAGE_CREATE);
	test_server_status(its, METT_EXISTS, "action 'act': is there already");
	CHECK_EQ(test_server_take(its), MESSAGE_DELETE);
	test_server_status(its, METT_NO_ACTION, "");
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

TEST(programs_arrive_whole_and_sealed)
{
	const struct mett_action_options options = {
		METT_LANGUAGE_PYTHON, METT_POLICY_REUSE, {5, 6}};
	struct mett_client *client = start(serve_actions);
	struct mett_error error;
	char path[128];

	snprintf(path, sizeof(path), "%s/program", server.directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_EQ(write(fd, "program", 7), 7);
	CHECK_EQ(mett_action_create_fd(client, "act", fd, NULL, &error), 0);
	CHECK_EQ(error.reason, METT_OK);
	CHECK_STR(error.message, "");
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK_EQ(mett_action_update_path(client, "act", path, &options, &error), 0);
	CHECK_EQ(mett_action_create_path(client, "act", path, NULL, &error), -EEXIST);
	CHECK_EQ(error.reason, METT_EXISTS);
	CHECK_EQ(error.detail, 7);
	CHECK_STR(error.message, "action 'act': is there already");
	CHECK_EQ(mett_action_delete(client, "act", &error), -EINVAL);
	CHECK_STR(error.message, "no such action");
	close(fd);
	unlink(path);
	stop(client);
}

/* Nothing but the registration may reach the server. */
static void serve_nothing(struct test_server *its)
{
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

static void check_fd(struct mett_client *client, int fd, const char *part)
{
	struct mett_error error;
	char name[32];

	snprintf(name, sizeof(name), "file descriptor %d ", fd);
	CHECK_EQ(mett_action_create_fd(client, "act", fd, NULL, &error), -EINVAL);
	CHECK_EQ(error.reason, METT_BAD_DATASPACE);
	CHECK(strstr(error.message, "action 'act': ") && strstr(error.message, name));
	if (!strstr(error.message, part))
		test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", error.message, part);
	CHECK_EQ(mett_action_update_fd(client, "act", fd, NULL, NULL), -EINVAL);
}

static void check_path(struct mett_client *client, const char *path, const char *part)
{
	struct mett_error error;

	CHECK_EQ(mett_action_create_path(client, "act", path, NULL, &error), -EINVAL);
	CHECK_EQ(error.reason, METT_BAD_DATASPACE);
	CHECK(strstr(error.message, "action 'act': ") && strstr(error.message, path));
	if (!strstr(error.message, part))
		test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", error.message, part);
	CHECK_EQ(mett_action_update_path(client, "act", path, NULL, NULL), -EINVAL);
}

TEST_TIMEOUT(what_is_no_program_is_refused_here, 20)
{
	struct mett_client *client = start(serve_nothing);
	char path[128];
	int ends[2];

	snprintf(path, sizeof(path), "%s/thing", server.directory);
	check_fd(client, -1, "is not open");
	check_fd(client, 999, "is not open");
	check_path(client, "/nowhere/at/all", "No such file");
	check_path(client, "/tmp", "is a directory");
	check_path(client, "/dev/null", "is a device");
	check_path(client, "/dev/zero", "is a device");
	check_path(client, server.path, "is a socket");
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	check_fd(client, ends[0], "is a FIFO");
	close(ends[0]);
	close(ends[1]);
	CHECK_EQ(mkfifo(path, 0600), 0);
	check_path(client, path, "is a FIFO");
	unlink(path);

	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check_path(client, path, "is empty");
	CHECK_EQ(write(fd, "x", 1), 1);
	check_fd(client, fd, "is not open for reading");
	close(fd);
	fd = open(path, O_PATH | O_CLOEXEC);
	check_fd(client, fd, "is not open for reading");
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_fd(client, fd, "is a directory");
	close(fd);
	CHECK_EQ(chmod(path, 0), 0);
	if (getuid() != 0)
		check_path(client, path, "Permission denied");
	unlink(path);
	stop(client);
}

TEST(too_large_a_program_is_refused_here)
{
	struct mett_client *client = start(serve_nothing);
	struct mett_error error;
	char path[128];

	snprintf(path, sizeof(path), "%s/thing", server.directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_EQ(ftruncate(fd, METT_PROGRAM_MAX + 1), 0);
	CHECK_EQ(mett_action_create_fd(client, "act", fd, NULL, &error), -EMSGSIZE);
	CHECK_EQ(error.reason, METT_TOO_LARGE);
	CHECK_EQ(error.detail, METT_PROGRAM_MAX);
	close(fd);
	unlink(path);
	stop(client);
}

TEST(misuse_is_refused_here)
{
	struct mett_client *client = start(serve_nothing);
	const struct mett_action_options language = {.language = METT_LANGUAGE_COUNT},
					 policy = {.policy = 4},
					 grants = {.grants = METT_GRANT_ALL + 1};
	struct mett_action_info *rows;
	struct mett_error error;
	size_t count;
	char name[METT_NAME_MAX + 2] = "";

	memset(name, 'n', METT_NAME_MAX + 1);
	CHECK_EQ(mett_action_create_fd(NULL, "act", 0, NULL, &error), -EINVAL);
	CHECK_EQ(error.reason, METT_BAD_ARGUMENT);
	CHECK_EQ(mett_action_create_path(client, "act", NULL, NULL, &error), -EINVAL);
	CHECK_EQ(error.reason, METT_BAD_ARGUMENT);
	CHECK_EQ(mett_action_create_path(client, name, "/tmp", NULL, &error), -EINVAL);
	CHECK_EQ(error.reason, METT_BAD_ARGUMENT);
	CHECK_EQ(mett_action_create_path(client, "act", "/tmp", &language, &error), -EINVAL);
	CHECK(strstr(error.message, "language"));
	CHECK_EQ(mett_action_create_path(client, "act", "/tmp", &policy, &error), -EINVAL);
	CHECK(strstr(error.message, "policy"));
	CHECK_EQ(mett_action_create_path(client, "act", "/tmp", &grants, &error), -EINVAL);
	CHECK(strstr(error.message, "grant"));
	CHECK_EQ(mett_action_delete(client, NULL, &error), -EINVAL);
	CHECK_EQ(mett_action_delete(NULL, "act", NULL), -EINVAL);
	CHECK_EQ(mett_action_list(NULL, &rows, &count, &error), -EINVAL);
	CHECK_EQ(mett_action_list(client, NULL, &count, &error), -EINVAL);
	CHECK_EQ(mett_action_list(client, &rows, NULL, NULL), -EINVAL);
	stop(client);
}

TEST(without_descriptors_it_says_so)
{
	struct mett_client *client = start(serve_nothing);
	struct rlimit before, none;
	struct mett_error error;

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	CHECK_EQ(mett_action_create_path(client, "act", "/proc/self/exe", NULL, &error), -ENOMEM);
	CHECK_EQ(error.reason, METT_NO_MEMORY);
	setrlimit(RLIMIT_NOFILE, &before);
	stop(client);
}

static unsigned rows_there = 100;

static void serve_list(struct test_server *its)
{
	const struct message_list *list = (const void *)its->message;
	struct {
		struct message_rows fixed;
		struct message_action row[40];
	} page;

	while (test_server_take(its) == MESSAGE_LIST) {
		unsigned next = list->after.text[0] ? (unsigned)atoi(list->after.text + 1) + 1 : 0;

		memset(&page, 0, sizeof(page));
		page.fixed.header = (struct message_header){MESSAGE_ROWS, list->header.tag};
		for (; page.fixed.count < 40 && next < rows_there; next++) {
			struct message_action *row = &page.row[page.fixed.count++];
			char name[16];

			snprintf(name, sizeof(name), "a%05u", next);
			message_name_set(&row->name, name);
			row->size = next;
			row->version = 2;
			row->activations = 3;
			row->policy = METT_POLICY_SPAWN;
			row->defaults.timeout_us = 4;
		}
		page.fixed.more = next < rows_there;
		test_server_send(its, &page,
		                 sizeof(page.fixed) + page.fixed.count * sizeof(page.row[0]),
		                 SYS_NO_CAP);
	}
}

TEST(lists_come_in_pages)
{
	struct mett_client *client = start(serve_list);
	struct mett_action_info *rows;
	struct mett_error error;
	size_t count;

	CHECK_EQ(mett_action_list(client, &rows, &count, &error), 0);
	CHECK_EQ(count, rows_there);
	CHECK_STR(rows[0].name, "a00000");
	CHECK_STR(rows[99].name, "a00099");
	CHECK_EQ(rows[99].size, 99);
	CHECK_EQ(rows[99].version, 2);
	CHECK_EQ(rows[99].activations, 3);
	CHECK_EQ(rows[99].options.policy, METT_POLICY_SPAWN);
	CHECK_EQ(rows[99].options.defaults.timeout_us, 4);
	free(rows);
	stop(client);
}

/* They come and go: by and by a list may see more than there are at a time. */
TEST(a_list_ends_with_as_many_rows_as_there_can_be)
{
	struct mett_action_info *rows;
	struct mett_error error;
	size_t count;

	rows_there = METT_ACTIONS_MAX + 50;
	struct mett_client *client = start(serve_list);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(mett_action_list(client, &rows, &count, &error), 0);
		CHECK_EQ(count, METT_ACTIONS_MAX);
		free(rows);
	}
	stop(client);
}

enum { DEPLOYED_BEFORE = 10 };

/* From the tenth on, each is deployed when the one before it has been seen. */
static void serve_versions(struct test_server *its)
{
	const struct message_version_of *asked = (const void *)its->message;

	while (test_server_take(its) == MESSAGE_VERSIONS) {
		struct message_version answer = {.header = {MESSAGE_VERSION, asked->header.tag}};

		answer.version = asked->version + 1;
		answer.current = answer.version >= DEPLOYED_BEFORE;
		test_server_send(its, &answer, sizeof(answer), SYS_NO_CAP);
	}
}

TEST(versions_may_be_deployed_while_they_are_listed)
{
	struct mett_client *client = start(serve_versions);
	struct mett_version *rows;
	struct mett_error error;
	size_t count;

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(mett_action_versions(client, "f", &rows, &count, &error), 0);
		CHECK_EQ(count, METT_VERSIONS_MAX);
		CHECK(rows[0].version > DEPLOYED_BEFORE);
		for (size_t k = 0; k < count; k++) {
			CHECK_EQ(rows[k].version, rows[0].version + k);
			CHECK_EQ(rows[k].current, k == count - 1);
		}
		free(rows);
	}
	stop(client);
}
