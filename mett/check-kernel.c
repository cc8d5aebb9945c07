/* What the kernel must have and allow. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KERNEL_MAJOR = 6, KERNEL_MINOR = 1 };

void check_kernel(struct check *check, const struct check_scene *scene)
{
	char release[128] = "";
	unsigned major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	check_read(scene, "/proc/sys/kernel/osrelease", release, sizeof(release));
	sscanf(release, "%u.%u", &major, &minor);
	if (strcmp(name.machine, "x86_64"))
		check_fail(check, "Use a machine with x86-64; there is no other port.",
		           "Linux %s on %s", release, name.machine);
	else if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		check_fail(check, "Install Linux 6.1 or newer; Debian 12 has it.",
		           "Linux '%s' is older than 6.1", release);
	else
		check_ok(check, "Linux %s on %s", release, name.machine);
}

/* Exits with the errno of the first step towards a sandbox that is not allowed. */
static __attribute__((noreturn)) void try_user_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    mount("probe", "/proc", "tmpfs", 0, NULL) < 0)
		_exit(errno);
	_exit(0);
}

static int errno_of_trial(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		try_user_namespace();
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

void check_user_namespaces(struct check *check, const struct check_scene *scene)
{
	long most = check_number(scene, "/proc/sys/user/max_user_namespaces", -1);
	long debian = check_number(scene, "/proc/sys/kernel/unprivileged_userns_clone", 1);
	long apparmor =
		check_number(scene, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0);
	int error = errno_of_trial();

	if (most == 0)
		check_fail(check, "Allow them: sysctl user.max_user_namespaces=65536",
		           "user.max_user_namespaces is 0");
	else if (most < 0)
		check_fail(check, "Use a kernel with CONFIG_USER_NS; Debian's has it.",
		           "the kernel has no user namespaces");
	else if (geteuid() && debian == 0)
		check_fail(check,
		           "Allow them: sysctl kernel.unprivileged_userns_clone=1, or run the "
		           "server as root.",
		           "kernel.unprivileged_userns_clone is 0");
	else if (geteuid() && apparmor == 1)
		check_fail(check,
		           "Allow them: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or "
		           "give mett-eagle an AppArmor profile with 'userns,', or run the server "
		           "as root.",
		           "kernel.apparmor_restrict_unprivileged_userns is 1");
	else if (error)
		check_fail(
			check,
			"In a container its runtime must allow them; else run the server as root "
			"of the machine.",
			"they are there, but not for us: %s", strerror(error));
	else
		check_ok(check, "%s, up to %ld", geteuid() ? "users'" : "root's", most);
}

void check_namespaces(struct check *check, const struct check_scene *scene)
{
	static const char *const kinds[] = {"pid", "mnt", "net", "ipc", "uts", "cgroup"};
	char path[64], missing[64] = "", mend[128];

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
		if (check_number(scene, path, 0) > 0)
			continue;
		snprintf(missing, sizeof(missing), "%s", kinds[i]);
		snprintf(mend, sizeof(mend), "Allow them: sysctl user.max_%s_namespaces=65536",
		         kinds[i]);
	}
	if (*missing)
		check_fail(check, mend, "no %s namespaces", missing);
	else
		check_ok(check, "pid, mnt, net, ipc, uts, cgroup");
}

void check_seccomp(struct check *check, const struct check_scene *scene)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		check_fail(check,
		           "Use a kernel with CONFIG_SECCOMP_FILTER, and a container that does not "
		           "forbid seccomp().",
		           "no filters that end a process: %s", strerror(errno));
	else
		check_ok(check, "filters, with kill_process");
}

void check_memfd(struct check *check, const struct check_scene *scene)
{
	long noexec = check_number(scene, "/proc/sys/vm/memfd_noexec", 0);
	int fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error = errno;
	int sealed = fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;

	close(fd);
	if (fd < 0)
		check_fail(check, "Allow memfd_create() where you are contained.",
		           "no memory files: %s", strerror(error));
	else if (!sealed)
		check_fail(check, "Use a kernel with CONFIG_MEMFD_CREATE and CONFIG_SHMEM.",
		           "memory files cannot be sealed");
	else if (noexec >= 2)
		check_fail(check, "Allow them: sysctl vm.memfd_noexec=1",
		           "vm.memfd_noexec is %ld: no program can run from sealed memory", noexec);
	else
		check_ok(check, "sealed, and programs can run from them");
}

void check_pidfd(struct check *check, const struct check_scene *scene)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd < 0)
		check_fail(check, "Allow pidfd_open() where you are contained.",
		           "no descriptors of processes: %s", strerror(errno));
	else
		check_ok(check, "descriptors of processes");
	close(fd);
}
