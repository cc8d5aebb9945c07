#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	OPTIONS_MAX = 16,
	START_MS = 30000,
	STEADY_SAMPLES = 15,
	PROCESSES_MAX = 32768,
};

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static const char *need_variable(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		test_fail(__FILE__, __LINE__, "%s is not set; run this by meson test", name);
	return value;
}

const char *server_program(void)
{
	return need_variable("METT_SERVER");
}

const char *function_path(const char *name)
{
	char variable[64];

	snprintf(variable, sizeof(variable), "FUNCTION_%s", name);
	return need_variable(variable);
}

/* Exits with the errno of the first right a server needs and this machine does not give. */
static __attribute__((noreturn)) void try_rights(void)
{
	const int sandbox = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
	                    CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (unshare(CLONE_NEWNS | (geteuid() ? sandbox : 0)) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("probe", "/proc", "tmpfs", 0, NULL) < 0 || unshare(geteuid() ? 0 : sandbox) < 0)
		_exit(errno);
	_exit(0);
}

void server_needs(void)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		try_rights();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		test_skip("this machine allows %s no namespaces: %s", geteuid() ? "users" : "root",
		          strerror(WEXITSTATUS(status)));
	CHECK_EQ(status, 0);
}

static __attribute__((noreturn)) void become_server(const struct server *server,
                                                    const char *options, int ready)
{
	char *argv[OPTIONS_MAX + 6] = {"mett-eagle", "--socket", (char *)server->socket,
	                               "--ready-fd"},
				 fd[16], copy[512];
	int count = 4;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("LOG_LEVEL", "error", 0);
	snprintf(fd, sizeof(fd), "%d", ready);
	snprintf(copy, sizeof(copy), "%s", options);
	argv[count++] = fd;
	for (char *word = strtok(copy, " "); word && count < OPTIONS_MAX + 5;
	     word = strtok(NULL, " "))
		argv[count++] = word;
	execv(server_program(), argv);
	perror(server_program());
	_exit(127);
}

void server_start_at(struct server *server, const char *options)
{
	struct pollfd ready = {.events = POLLIN};
	char byte;
	int ends[2];

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
	server->pid = fork();
	CHECK(server->pid >= 0);
	if (server->pid == 0)
		become_server(server, options, ends[1]);
	close(ends[1]);
	ready.fd = ends[0];
	CHECK_EQ(poll(&ready, 1, START_MS), 1);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	close(ends[0]);
}

void server_start(struct server *ret, const char *options)
{
	server_needs();
	strcpy(ret->folder, "/tmp/mett-eagle-test-XXXXXX");
	CHECK(mkdtemp(ret->folder));
	snprintf(ret->socket, sizeof(ret->socket), "%s/socket", ret->folder);
	server_start_at(ret, options);
}

/* Takes what has ended of our children; 0 when there are none left. */
static int bury(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	return pid == 0;
}

int server_wait(struct server *server)
{
	int status = 0;
	pid_t pid = 0;

	SOON((pid = waitpid(server->pid, &status, WNOHANG)) != 0);
	CHECK_EQ(pid, server->pid);
	SOON(!bury());
	server->pid = 0;
	return status;
}

void server_stop(struct server *server)
{
	CHECK_EQ(kill(server->pid, SIGTERM), 0);
	CHECK_EQ(server_wait(server), 0);
	CHECK_EQ(rmdir(server->folder), 0);
}

void server_kill(struct server *server)
{
	CHECK_EQ(kill(server->pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(server_wait(server)), SIGKILL);
}

void server_remove(struct server *server)
{
	char lock[128];

	snprintf(lock, sizeof(lock), "%s.lock", server->socket);
	unlink(lock);
	unlink(server->socket);
	CHECK_EQ(rmdir(server->folder), 0);
}

int run_server(char *const argv[], char *ret, size_t size)
{
	struct pollfd output = {.events = POLLIN};
	size_t used = 0;
	ssize_t got = 1;
	int ends[2], status;

	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(server_program(), argv);
		_exit(127);
	}
	close(ends[1]);
	output.fd = ends[0];
	while (got > 0 && used < size - 1) {
		CHECK_EQ(poll(&output, 1, START_MS), 1);
		got = read(ends[0], ret + used, size - 1 - used);
		used += got > 0 ? (size_t)got : 0;
	}
	close(ends[0]);
	ret[used] = 0;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static unsigned count_entries(const char *path)
{
	unsigned count = 0;
	DIR *dir = opendir(path);

	if (!dir)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static FILE *open_about(const struct server *server, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", server->pid, what);
	FILE *file = fopen(path, "re");
	if (!file)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	return file;
}

unsigned long server_memory(const struct server *server)
{
	FILE *status = open_about(server, "status");
	unsigned long kib = 0;
	char line[256];

	while (fgets(line, sizeof(line), status) && sscanf(line, "VmRSS: %lu", &kib) != 1)
		;
	fclose(status);
	CHECK(kib > 0);
	return kib;
}

unsigned server_mounts(const struct server *server)
{
	FILE *mounts = open_about(server, "mountinfo");
	unsigned count = 0;

	for (int byte; (byte = fgetc(mounts)) != EOF;)
		count += byte == '\n';
	fclose(mounts);
	CHECK(count > 0);
	return count;
}

static pid_t parent_of(const char *pid)
{
	char path[300], text[512];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	FILE *stat = fopen(path, "re");
	if (!stat)
		return 0; /* it has just ended */
	text[fread(text, 1, sizeof(text) - 1, stat)] = 0;
	fclose(stat);
	/* A name may contain anything, blanks and brackets too. */
	char *rest = strrchr(text, ')');
	if (rest)
		sscanf(rest, ") %*c %d", &parent);
	return parent;
}

struct relation {
	pid_t pid, parent;
	bool below;
};

static unsigned list_relations(struct relation *ret)
{
	unsigned count = 0;
	DIR *proc = opendir("/proc");

	CHECK(proc);
	for (struct dirent *entry; (entry = readdir(proc)) && count < PROCESSES_MAX;)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			ret[count++] = (struct relation){atoi(entry->d_name),
			                                 parent_of(entry->d_name), false};
	closedir(proc);
	return count;
}

static bool is_below(const struct relation *all, unsigned count, pid_t pid, pid_t root)
{
	if (pid == root)
		return true;
	for (unsigned i = 0; i < count; i++)
		if (all[i].pid == pid)
			return all[i].below;
	return false;
}

unsigned server_processes(const struct server *server, pid_t *ret, unsigned room)
{
	static struct relation all[PROCESSES_MAX];
	unsigned count = list_relations(all), found = 0, before;

	do {
		before = found;
		for (unsigned i = 0; i < count; i++) {
			if (all[i].below || !is_below(all, count, all[i].parent, server->pid))
				continue;
			all[i].below = true;
			if (found < room)
				ret[found] = all[i].pid;
			found++;
		}
	} while (found > before);
	return found;
}

struct usage server_usage(const struct server *server)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", server->pid);
	return (struct usage){count_entries(path), server_processes(server, NULL, 0)};
}

static bool same(struct usage a, struct usage b)
{
	return a.fds == b.fds && a.processes == b.processes;
}

struct usage server_steady(const struct server *server)
{
	struct usage usage = server_usage(server);
	int equal = 0;

	for (uint64_t until = now_ms() + SOON_MS; equal < STEADY_SAMPLES; pause_ms(20)) {
		struct usage next = server_usage(server);

		equal = same(next, usage) ? equal + 1 : 0;
		usage = next;
		CHECK(now_ms() < until);
	}
	return usage;
}

void server_expect_usage(const struct server *server, struct usage want)
{
	struct usage usage;
	uint64_t until = now_ms() + SOON_MS;

	while (!same(usage = server_usage(server), want)) {
		if (now_ms() > until)
			test_fail(__FILE__, __LINE__,
			          "%u descriptors and %u processes, not %u and %u", usage.fds,
			          usage.processes, want.fds, want.processes);
		pause_ms(10);
	}
}

struct mett_client *join(const struct server *server)
{
	struct mett_client *client;
	struct mett_error error;

	if (mett_register_client(server->socket, &client, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
	return client;
}

void deploy(struct mett_client *client, const char *function,
            const struct mett_action_options *options)
{
	struct mett_error error;

	if (mett_action_create_path(client, function, function_path(function), options, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
}

const char *make_file(const struct server *server, const char *name, const void *data, size_t size)
{
	static char path[80];

	snprintf(path, sizeof(path), "%s/%s", server->folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, size), size);
	close(fd);
	return path;
}

void expect_answer(const char *file, int line, struct mett_client *client, const char *action,
                   const char *argument, const struct mett_config *config, const char *answer)
{
	struct mett_result result;

	if (mett_action_invoke(client, action, argument, strlen(argument), config, &result))
		test_fail(file, line, "%s: %s\n# log: %s", mett_reason_name(result.error.reason),
		          result.error.message, result.log);
	if (result.answer_size != strlen(answer) || strcmp(result.answer, answer))
		test_fail(file, line, "action '%s' answers \"%s\", not \"%s\"", action,
		          (const char *)result.answer, answer);
	if (result.error.reason != METT_OK || *result.error.message || !result.activation)
		test_fail(file, line, "action '%s' answers, but not as one that ended well",
		          action);
	mett_result_deinit(&result);
}

static bool has(const char *text, const char *part)
{
	return !part || strstr(text, part);
}

void expect_failure(const char *file, int line, struct mett_client *client, const char *action,
                    const char *argument, const struct mett_config *config,
                    const struct failure *want)
{
	struct mett_result result;
	int returned =
		mett_action_invoke(client, action, argument, strlen(argument), config, &result);
	const struct mett_error *error = &result.error;

	if (error->reason != want->reason || error->detail != want->detail ||
	    !has(error->message, want->message) || !has(result.log, want->log))
		test_fail(file, line, "%s(%.20s): %s (%d): %s\n# not: %s (%d): %s\n# log: %s",
		          action, argument, mett_reason_name(error->reason), error->detail,
		          error->message, mett_reason_name(want->reason), want->detail,
		          want->message ? want->message : "", result.log);
	if (returned != -mett_reason_errno(want->reason))
		test_fail(file, line, "%s(%.20s) returns %d", action, argument, returned);
	if (!*error->message || strlen(result.log) != result.log_size || result.answer_size ||
	    strcmp(result.answer, ""))
		test_fail(file, line, "%s(%.20s) fails, but not in the way of failures", action,
		          argument);
	mett_result_deinit(&result);
}
