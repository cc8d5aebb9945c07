#include "granted.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include "tree.h"

enum { SCRIPT_MAX = METT_PAYLOAD_MAX };

/* Those that are there. The last of /etc are links and a cache, which programs of /usr need. */
static const char *const files[] = {
	"/usr",      "/bin",
	"/sbin",     "/lib",
	"/lib32",    "/lib64",
	"/libx32",   "/etc/alternatives",
	"/dev/null", "/etc/ld.so.cache",
};

enum { FILES = sizeof(files) / sizeof(*files) };

/* Scripts throw away what they do not want to say. */
static int admit_null(void)
{
	struct mount_attr device = {.attr_clr = MOUNT_ATTR_NODEV};

	return mount_setattr(AT_FDCWD, "/dev/null", 0, &device, sizeof(device));
}

/* A tree is in no namespace; to be copied for a sandbox it must be the root of one. */
static int make_namespace(const struct root *root, int tree)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    move_mount(tree, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 || admit_null() < 0)
		return -errno;
	int mounts = openat(root->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return mounts < 0 ? -errno : mounts;
}

static int open_mounts(const struct root *root, char *why, size_t size)
{
	const char *paths[FILES + 2] = {"+" GRANTED_SCRIPTS};
	int count = 1, tree, before, mounts;

	for (int i = 0; i < FILES; i++)
		if (access(files[i], F_OK) == 0)
			paths[count++] = files[i];
	int error = tree_make(paths, &tree, why, size);
	if (error)
		return error;
	before = openat(root->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	mounts = before < 0 ? -errno : make_namespace(root, tree);
	if (before >= 0 && setns(before, CLONE_NEWNS) < 0 && mounts >= 0) {
		error = -errno;
		close(mounts);
		mounts = error;
	}
	close(before);
	close(tree);
	if (mounts < 0)
		fmt_format(why, size, "cannot make a namespace of the machine's files: {}",
		           strerror(-mounts));
	return mounts;
}

void granted_open(struct granted *ret, const struct root *root)
{
	char why[METT_MESSAGE_MAX / 2];

	*ret = (struct granted){.mounts = open_mounts(root, why, sizeof(why))};
	if (ret->mounts >= 0)
		return;
	ret->mounts = -1;
	fmt_format(ret->missing, sizeof(ret->missing),
	           "{}; this server can grant no files, see its machine's right to mount", why);
}

int granted_enter(const struct granted *granted)
{
	/* Threads have one root; this one is to have its own. */
	if (unshare(CLONE_FS) < 0 || setns(granted->mounts, CLONE_NEWNS) < 0)
		return -errno;
	return 0;
}

static int copy_script(int function, off_t size, const char *name)
{
	char path[sizeof(GRANTED_SCRIPTS) + METT_NAME_MAX + 8];
	off_t done = 0;

	fmt_format(path, sizeof(path), "{}/{}", GRANTED_SCRIPTS, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);
	if (fd < 0)
		return -errno;
	/* By a place of our own: that of the descriptor is one for all who have it. */
	while (done < size && sendfile(fd, function, &done, (size_t)(size - done)) > 0)
		;
	int error = done == size ? 0 : -errno;
	close(fd);
	return error;
}

int granted_place(int function, const char *name)
{
	char begin[2] = "", options[48];
	struct stat status;

	if (fstat(function, &status) < 0)
		return -errno;
	if (pread(function, begin, sizeof(begin), 0) < 2 || memcmp(begin, "#!", 2))
		return 0;
	if (status.st_size > SCRIPT_MAX)
		return -EFBIG;
	fmt_format(options, sizeof(options), "size={},nr_inodes=2,mode=0555", status.st_size);
	if (mount("script", GRANTED_SCRIPTS, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	int error = copy_script(function, status.st_size, name);
	if (!error && mount(NULL, GRANTED_SCRIPTS, NULL,
	                    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		error = -errno;
	return error;
}
