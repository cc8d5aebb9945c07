/*
 * Sandboxes looked at from outside, through /proc: whom they run as, what they
 * may, see and hold. A worker at work, its zygote, and the sandbox's init.
 */
#include "sandbox.h"

#include <protocol/protocol.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PROCESSES = 64,
	NOT_A_SANDBOX_UID = 1000000,
};

enum kind { LAUNCHER, SPARE, INIT, ZYGOTE, WORKER, KINDS };

static struct server server;

static void path_to(char path[96], pid_t pid, const char *what)
{
	snprintf(path, 96, "/proc/%d/%s", pid, what);
}

/* The line of a file below /proc/PID that begins like this; behind that, without blanks. */
static const char *line_of(pid_t pid, const char *file, const char *begin)
{
	static char line[512];
	char path[96], *found = NULL;

	path_to(path, pid, file);
	FILE *in = fopen(path, "re");
	if (!in)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), in))
		if (!strncmp(line, begin, strlen(begin)))
			found = line + strlen(begin);
	fclose(in);
	if (!found)
		test_fail(__FILE__, __LINE__, "%s has no line '%s'", path, begin);
	found[strcspn(found, "\n")] = 0;
	return found + strspn(found, " \t");
}

static void link_of(pid_t pid, const char *what, char ret[256])
{
	char path[96];

	path_to(path, pid, what);
	ssize_t size = readlink(path, ret, 255);
	if (size < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	ret[size] = 0;
}

static bool is_named(pid_t pid, const char *name)
{
	return !strcmp(line_of(pid, "status", "Name:"), name);
}

static enum kind kind_of(pid_t pid)
{
	if (is_named(pid, "mett-launcher"))
		return LAUNCHER;
	if (is_named(pid, "mett-spare"))
		return SPARE;
	if (is_named(pid, "mett-init"))
		return INIT;
	/* Workers that were forked can fork no more; those that were spawned are called so. */
	if (atoi(line_of(pid, "limits", "Max processes")) == 0)
		return WORKER;
	char path[96], text[256] = "";
	path_to(path, pid, "cmdline");
	FILE *in = fopen(path, "re");
	CHECK(in);
	size_t size = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	CHECK(size > 0);
	return !strcmp(text + strlen(text) + 1, "zygote") ? ZYGOTE : WORKER;
}

static bool runs_a_program(enum kind kind)
{
	return kind == ZYGOTE || kind == WORKER;
}

static void has_no_rights(pid_t pid, enum kind kind)
{
	static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
	unsigned uid[4], gid[4];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		CHECK_EQ(strtoull(line_of(pid, "status", sets[i]), NULL, 16), 0);
	CHECK_EQ(atoi(line_of(pid, "status", "NoNewPrivs:")), 1);
	if (runs_a_program(kind))
		CHECK_EQ(atoi(line_of(pid, "status", "Seccomp:")), 2);
	CHECK_EQ(sscanf(line_of(pid, "status", "Uid:"), "%u %u %u %u", &uid[0], &uid[1], &uid[2],
	                &uid[3]),
	         4);
	CHECK_EQ(sscanf(line_of(pid, "status", "Gid:"), "%u %u %u %u", &gid[0], &gid[1], &gid[2],
	                &gid[3]),
	         4);
	for (int i = 0; i < 4; i++) {
		if (geteuid()) {
			CHECK_EQ(uid[i], geteuid());
			CHECK_EQ(gid[i], getegid());
		} else {
			CHECK(uid[i] > NOT_A_SANDBOX_UID);
			CHECK(gid[i] > NOT_A_SANDBOX_UID);
		}
	}
	CHECK(geteuid() || !*line_of(pid, "status", "Groups:"));
}

static void is_in_own_namespaces(pid_t pid, enum kind kind)
{
	static const char *const names[] = {"ns/user", "ns/pid", "ns/mnt",   "ns/net",
	                                    "ns/ipc",  "ns/uts", "ns/cgroup"};
	char own[256], theirs[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		link_of(getpid(), names[i], own);
		link_of(pid, names[i], theirs);
		if (!strcmp(own, theirs))
			test_fail(__FILE__, __LINE__, "%d (kind %d) shares %s", pid, kind, own);
	}
}

/* Exactly these, of these types; and a zygote what its workers get, of which they keep their own.
 */
static void holds_only(pid_t pid, enum kind kind)
{
	static const struct {
		int fd;
		const char *target;
	} wanted[] = {{0, "/dev/null"}, {1, "pipe:"}, {2, "pipe:"}, {3, "socket:"}, {4, "pipe:"}};
	/* An init needs no standard streams; one that waits for its use has a pipe to hear of it.
	 */
	unsigned first = runs_a_program(kind) ? 0 : 3, end = kind == SPARE ? 5 : 4;
	char path[96], target[256];
	unsigned count = 0;

	path_to(path, pid, "fd");
	DIR *dir = opendir(path);
	CHECK(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	for (unsigned i = first; i < end; i++) {
		snprintf(path, sizeof(path), "fd/%d", wanted[i].fd);
		link_of(pid, path, target);
		if (strncmp(target, wanted[i].target, strlen(wanted[i].target)))
			test_fail(__FILE__, __LINE__, "%d (kind %d) has %s at %d", pid, kind,
			          target, wanted[i].fd);
	}
	if (kind == ZYGOTE)
		CHECK_EQ((count - (end - first)) % FORK_CALLEE, 0);
	else
		CHECK_EQ(count, end - first);
}

static void sees_nothing(pid_t pid, enum kind kind)
{
	char path[96], where[256];
	struct stat root;

	path_to(path, pid, "root/");
	DIR *dir = opendir(path);
	if (!dir)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir));)
		CHECK(!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."));
	closedir(dir);
	CHECK_EQ(stat(path, &root), 0);
	CHECK_EQ(root.st_mode & 0222, 0);
	link_of(pid, "cwd", where);
	CHECK_STR(where, "/");
	/* One mount, for reading only, in which nothing is executed. */
	const char *mount = line_of(pid, "mountinfo", "");
	CHECK(strstr(mount, " / / ro,nosuid,nodev,noexec"));
	path_to(path, pid, "mountinfo");
	FILE *in = fopen(path, "re");
	CHECK(in);
	int mounts = 0;
	for (int byte; (byte = fgetc(in)) != EOF;)
		mounts += byte == '\n';
	fclose(in);
	CHECK_EQ(mounts, 1);
}

static void is_limited(pid_t pid, enum kind kind, enum mett_policy policy)
{
	const struct {
		const char *name;
		long most;
	} limits[] = {
		{"Max core file size", 0},
		{"Max open files", METT_WORKER_FDS_MAX},
		{"Max locked memory", 0},
		{"Max msgqueue size", 0},
		{"Max nice priority", 0},
		{"Max realtime priority", 0},
		{"Max file size", METT_PAYLOAD_MAX},
		{"Max processes", kind == ZYGOTE                ? 1 + 2 * METT_ACTIVATIONS_MAX
	                          : policy == METT_POLICY_SPAWN ? 1 + METT_WORKER_THREADS_MAX
	                                                        : 0},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		long soft, hard;

		CHECK_EQ(sscanf(line_of(pid, "limits", limits[i].name), "%ld %ld", &soft, &hard),
		         2);
		CHECK_EQ(soft, limits[i].most);
		CHECK_EQ(hard, limits[i].most);
	}
}

static void looks_sealed(pid_t pid, enum kind kind, unsigned core, enum mett_policy policy)
{
	char wanted[16];

	has_no_rights(pid, kind);
	is_in_own_namespaces(pid, kind);
	holds_only(pid, kind);
	sees_nothing(pid, kind);
	if (!runs_a_program(kind))
		return;
	is_limited(pid, kind, policy);
	snprintf(wanted, sizeof(wanted), "%u", core);
	CHECK_STR(line_of(pid, "status", "Cpus_allowed_list:"), wanted);
}

static void is_sealed(enum mett_policy policy)
{
	unsigned seen[KINDS] = {0}, count;
	pid_t all[PROCESSES];
	struct mett_client *client = sandbox_begin(&server, "sleep", policy);

	submit(client, "sleep", "3600000", 1);
	server_steady(&server);
	count = server_processes(&server, all, PROCESSES);
	CHECK(count < PROCESSES);
	for (unsigned i = 0; i < count; i++) {
		enum kind kind = kind_of(all[i]);

		seen[kind]++;
		if (kind != LAUNCHER)
			looks_sealed(all[i], kind, mett_client_core(client), policy);
	}
	CHECK_EQ(seen[LAUNCHER], 1);
	CHECK(seen[SPARE] >= 1);
	CHECK_EQ(seen[ZYGOTE], policy == METT_POLICY_SPAWN ? 0 : 1);
	CHECK(seen[WORKER] >= 1);
	CHECK_EQ(seen[INIT], policy == METT_POLICY_SPAWN ? seen[WORKER] : 1);
	end(&server, client);
}

SANDBOX_TEST(is_sealed)
