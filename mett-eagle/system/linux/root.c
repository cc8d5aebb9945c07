#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libfmt/fmt.h>

enum {
	/* Above what distributions, containers and systemd hand out. */
	UID_BASE_WISH = 1879048192,
};

static int write_file(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t length = write(fd, text, strlen(text));
	int error = length < 0 ? -errno : 0;
	close(fd);
	return error;
}

static int read_number(int proc, const char *path)
{
	char text[16] = "";
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC), number = -1;

	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) > 0)
		sscanf(text, "%d", &number);
	close(fd);
	return number;
}

static int map_one(int proc, pid_t pid, const char *file, unsigned inside, unsigned outside)
{
	char path[64], text[64];

	fmt_format(path, sizeof(path), "{}/{}", pid, file);
	fmt_format(text, sizeof(text), "{} {} 1", inside, outside);
	return write_file(proc, path, text);
}

static int map_ids(int proc, pid_t pid, unsigned inside, unsigned uid, unsigned gid)
{
	char path[64];

	fmt_format(path, sizeof(path), "{}/setgroups", pid);
	int error = write_file(proc, path, "deny");
	if (!error)
		error = map_one(proc, pid, "uid_map", inside, uid);
	if (!error)
		error = map_one(proc, pid, "gid_map", inside, gid);
	return error;
}

int root_map_ids(const struct root *root, pid_t pid, unsigned number)
{
	unsigned offset = number % ROOT_UID_COUNT;

	if (!root->uid_base)
		return map_ids(root->proc, pid, ROOT_SANDBOX_ID, geteuid(), getegid());
	return map_ids(root->proc, pid, ROOT_SANDBOX_ID, root->uid_base + offset,
	               root->uid_base + offset);
}

/* The highest ids this user namespace has, if it has enough that nobody else is likely to use. */
static uid_t find_uid_base(int proc)
{
	unsigned inside, outside, count;
	uid_t base = 0;
	int fd = openat(proc, "self/uid_map", O_RDONLY | O_CLOEXEC);
	FILE *map = fd < 0 ? NULL : fdopen(fd, "r");

	while (map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
		uint64_t end = (uint64_t)inside + count;

		if (inside <= UID_BASE_WISH && end >= UID_BASE_WISH + (uint64_t)ROOT_UID_COUNT)
			base = UID_BASE_WISH;
		else if (!base && count >= 2 * ROOT_UID_COUNT)
			base = (uid_t)(end - ROOT_UID_COUNT);
	}
	if (map)
		fclose(map);
	return base;
}

static int explain_user_namespace(const struct root *root, int error, char *why, size_t size)
{
	const char *mend = "ask the administrator for user namespaces, or run the server as root";

	if (read_number(root->proc, "sys/kernel/unprivileged_userns_clone") == 0)
		mend = "enable them: sysctl kernel.unprivileged_userns_clone=1, or run the server as root";
	else if (read_number(root->proc, "sys/user/max_user_namespaces") == 0)
		mend = "enable them: sysctl user.max_user_namespaces=65536";
	else if (read_number(root->proc, "sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		mend = "enable them: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run the "
		       "server as root";
	fmt_format(why, size, "cannot make a user namespace: {}; {}", strerror(-error), mend);
	return error;
}

/* An ordinary user gets the rights to build sandboxes only inside a user namespace. */
static int enter_user_namespace(const struct root *root, char *why, size_t size)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER) < 0)
		return explain_user_namespace(root, -errno, why, size);
	int error = write_file(root->proc, "self/setgroups", "deny");
	char text[64];
	fmt_format(text, sizeof(text), "0 {} 1", uid);
	if (!error)
		error = write_file(root->proc, "self/uid_map", text);
	fmt_format(text, sizeof(text), "0 {} 1", gid);
	if (!error)
		error = write_file(root->proc, "self/gid_map", text);
	return error ? explain_user_namespace(root, error, why, size) : 0;
}

/* /proc is on every machine we can run on, so its name serves as the place to stand. */
static int move_into_empty_root(void)
{
	if (mount("empty", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          "size=4k,nr_inodes=2,mode=0555") < 0 ||
	    chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ||
	    mount(NULL, "/", NULL,
	          MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	return 0;
}

static int explain_mounts(int error, char *why, size_t size)
{
	fmt_format(why, size,
	           "cannot make an empty root: {}; the server needs the right to mount in a "
	           "namespace of its own (CAP_SYS_ADMIN, or user namespaces)",
	           strerror(-error));
	return error;
}

int root_enter(char *why, size_t size)
{
	int error = move_into_empty_root();

	return error ? explain_mounts(error, why, size) : 0;
}

int root_prepare(struct root *ret, char *why, size_t size)
{
	struct root root = {
		.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.null = open("/dev/null", O_RDONLY | O_CLOEXEC),
	};
	int error;

	if (root.proc < 0 || root.null < 0) {
		error = -errno;
		fmt_format(why, size, "cannot open /proc and /dev/null: {}; mount them",
		           strerror(-error));
		return error;
	}
	if (geteuid() == 0) {
		root.uid_base = find_uid_base(root.proc);
		if (setgroups(0, NULL) < 0 && errno != EPERM) {
			error = -errno;
			fmt_format(why, size, "cannot drop groups: {}", strerror(-error));
			return error;
		}
	} else if ((error = enter_user_namespace(&root, why, size))) {
		return error;
	}
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return explain_mounts(-errno, why, size);
	*ret = root;
	return 0;
}
