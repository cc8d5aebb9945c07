#include "check.h"

#include "test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/mett-check-XXXXXX";
static struct check_scene scene = {.root = root};
static struct check check;

/* A machine of our own, of which only some files matter. */
static void machine(void)
{
	CHECK(mkdtemp(root));
	CHECK_EQ(chmod(root, 0755), 0);
}

static void has(const char *path, const char *line)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(whole, 0755);
		*slash = '/';
	}
	FILE *file = fopen(whole, "w");
	CHECK(file);
	fprintf(file, "%s\n", line);
	fclose(file);
}

static void forget(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	CHECK_EQ(system(command), 0);
}

static void expect(enum check_verdict verdict, const char *found, const char *mend)
{
	CHECK_EQ(check.verdict, verdict);
	if (!strstr(check.found, found))
		test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", check.found, found);
	if (!strstr(check.mend, mend))
		test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", check.mend, mend);
}

TEST(old_kernels_fail)
{
	static const struct {
		const char *release;
		enum check_verdict verdict;
	} kernels[] = {
		{"6.1.0-18-amd64", CHECK_OK}, {"6.18.44", CHECK_OK},  {"10.0.1", CHECK_OK},
		{"6.0.19", CHECK_FAIL},       {"5.15.0", CHECK_FAIL}, {"rubbish", CHECK_FAIL},
	};

	machine();
	for (unsigned i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		has("/proc/sys/kernel/osrelease", kernels[i].release);
		check_kernel(&check, &scene);
		expect(kernels[i].verdict, kernels[i].release,
		       kernels[i].verdict ? "Install Linux 6.1" : "");
	}
	forget();
}

static void check_as_user(void)
{
	bool root_before = geteuid() == 0;

	if (root_before)
		CHECK_EQ(seteuid(65534), 0);
	check_user_namespaces(&check, &scene);
	if (root_before)
		CHECK_EQ(seteuid(0), 0);
}

/* Debian's, Ubuntu's, and everybody's way to forbid them. */
TEST(settings_that_forbid_user_namespaces_are_named)
{
	machine();
	check_as_user();
	expect(CHECK_FAIL, "the kernel has no user namespaces", "CONFIG_USER_NS");
	has("/proc/sys/user/max_user_namespaces", "0");
	check_as_user();
	expect(CHECK_FAIL, "is 0", "sysctl user.max_user_namespaces=");
	has("/proc/sys/user/max_user_namespaces", "1000");
	has("/proc/sys/kernel/unprivileged_userns_clone", "0");
	check_as_user();
	expect(CHECK_FAIL, "is 0", "sysctl kernel.unprivileged_userns_clone=1");
	has("/proc/sys/kernel/unprivileged_userns_clone", "1");
	has("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
	check_as_user();
	expect(CHECK_FAIL, "is 1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0");
	forget();
}

TEST(each_other_namespace_is_asked_for)
{
	static const char *const kinds[] = {"pid", "mnt", "net", "ipc", "uts", "cgroup"};
	char path[64];

	machine();
	for (unsigned i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
		has(path, "7");
	}
	check_namespaces(&check, &scene);
	expect(CHECK_OK, "cgroup", "");
	for (unsigned i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
		has(path, "0");
		check_namespaces(&check, &scene);
		expect(CHECK_FAIL, kinds[i], path + strlen("/proc/sys/user/"));
		has(path, "7");
	}
	forget();
}

TEST(programs_that_cannot_run_from_memory_fail)
{
	machine();
	has("/proc/sys/vm/memfd_noexec", "1");
	check_memfd(&check, &scene);
	expect(CHECK_OK, "sealed", "");
	has("/proc/sys/vm/memfd_noexec", "2");
	check_memfd(&check, &scene);
	expect(CHECK_FAIL, "vm.memfd_noexec is 2", "sysctl vm.memfd_noexec=1");
	forget();
}

TEST(cgroups_are_no_must)
{
	machine();
	check_cgroup(&check, &scene);
	expect(CHECK_WARN, "no unified hierarchy", "systemd.unified_cgroup_hierarchy=1");
	has("/sys/fs/cgroup/cgroup.controllers", "cpuset io memory");
	check_cgroup(&check, &scene);
	expect(CHECK_WARN, "without cpu  pids", "subtree_control");
	has("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids");
	check_cgroup(&check, &scene);
	expect(CHECK_OK, "version 2", "");
	forget();
}

TEST(slow_governors_are_counted)
{
	machine();
	check_governor(&check, &scene);
	expect(CHECK_OK, "does not let us choose", "");
	has("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
	has("/sys/devices/system/cpu/cpu11/cpufreq/scaling_governor", "powersave");
	check_governor(&check, &scene);
	expect(CHECK_WARN, "'powersave' on 1 of 2 cores", "cpupower frequency-set");
	has("/sys/devices/system/cpu/cpu11/cpufreq/scaling_governor", "performance");
	check_governor(&check, &scene);
	expect(CHECK_OK, "performance on 2 cores", "");
	forget();
}

TEST(kvm_is_told_and_not_needed)
{
	machine();
	check_kvm(&check, &scene);
	expect(CHECK_OK, "no /dev/kvm", "");
	has("/dev/kvm", "");
	check_kvm(&check, &scene);
	expect(CHECK_OK, "is there", "");
	forget();
}

TEST(a_folder_for_the_state_must_be_ours)
{
	char path[sizeof(root) + 16];

	scene.state = "";
	check_state(&check, &scene);
	expect(CHECK_WARN, "no folder", "HOME");
	machine();
	snprintf(path, sizeof(path), "%s/a/b", root);
	scene.state = path;
	check_state(&check, &scene);
	CHECK(strstr(check.found, path) && strstr(check.found, "left"));
	has("/a/b", "a file");
	check_state(&check, &scene);
	expect(CHECK_WARN, "Not a directory", "--state");
	scene.state = geteuid() == 0 ? root : "/";
	if (geteuid() == 0)
		CHECK_EQ(chown(root, 65534, 65534), 0);
	check_state(&check, &scene);
	expect(CHECK_WARN, "another user's", "--state");
	forget();
}

TEST(low_limits_are_told)
{
	struct rlimit few = {100, 100};

	machine();
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	check_files(&check, &scene);
	expect(CHECK_WARN, "at most 100 open files", "LimitNOFILE");
	has("/proc/sys/kernel/pid_max", "500");
	if (geteuid() == 0) {
		check_processes(&check, &scene);
		expect(CHECK_WARN, "at most 500 processes", "kernel.pid_max");
	}
	forget();
}

TEST(servers_that_are_missing_or_no_servers_are_told_apart)
{
	char path[sizeof(root) + 8];

	machine();
	snprintf(path, sizeof(path), "%s/socket", root);
	scene.socket = path;
	check_server(&check, &scene);
	expect(CHECK_WARN, "none at /tmp/mett-check-", "mett-eagle &");
	check_recorder(&check, &scene);
	expect(CHECK_WARN, "socket.records", "mett-recorder");
	has("/socket", "no socket at all");
	check_server(&check, &scene);
	expect(CHECK_FAIL, "no server at", "log");
	if (geteuid()) {
		CHECK_EQ(chmod(path, 0), 0);
		check_server(&check, &scene);
		expect(CHECK_FAIL, "is not for us", "--socket-mode");
	}
	forget();
}
