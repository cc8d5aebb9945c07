#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libfmt/fmt.h>

/* /proc is on every machine we can run on, so its name serves as the place to build. */
#define SITE "/proc"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* The folders above a place; those that are there already are fine. */
static int make_folders(char *place)
{
	for (char *slash = place + strlen(SITE) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		int result = mkdir(place, 0555);
		*slash = '/';
		if (result < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int make_file(const char *place)
{
	int fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int copy_link(const char *path, const char *place)
{
	char target[PATH_MAX];
	ssize_t size = readlink(path, target, sizeof(target) - 1);

	if (size < 0)
		return -errno;
	target[size] = 0;
	return symlink(target, place) < 0 ? -errno : 0;
}

/* With what is mounted below it, which the kernel lets no ordinary user leave out. */
static int show(const char *path, const char *place, bool folder)
{
	int error = folder ? (mkdir(place, 0555) < 0 ? -errno : 0) : make_file(place);

	if (!error && mount(path, place, NULL, MS_BIND | MS_REC, NULL) < 0)
		error = -errno;
	return error;
}

static int add(const char *path)
{
	char place[PATH_MAX];
	struct stat itself, target, there;
	bool empty = path[0] == '+';

	path += empty;
	int length = fmt_format(place, sizeof(place), "{}{}", SITE, path);

	if (path[0] != '/' || length < 0 || length >= (int)sizeof(place))
		return -EINVAL;
	if (empty)
		return mkdir(place, 0555) < 0 ? -errno : 0;
	if (lstat(path, &itself) < 0 || stat(path, &target) < 0)
		return -errno;
	int error = make_folders(place);
	if (error)
		return error;
	/* Within a folder that is shown, or by a link to one. */
	if (lstat(place, &there) == 0)
		return 0;
	if (S_ISLNK(itself.st_mode) && S_ISDIR(target.st_mode))
		return copy_link(path, place);
	return show(path, place, S_ISDIR(target.st_mode));
}

/* What is built is copied to where nobody can mount over it or unmount it again. */
static int take_off(int *ret)
{
	struct mount_attr attributes = {.attr_set = READ_ONLY};
	int tree = open_tree(AT_FDCWD, SITE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (tree < 0)
		return -errno;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)) <
	    0) {
		int error = -errno;

		close(tree);
		return error;
	}
	*ret = tree;
	return 0;
}

int tree_make(const char *const *paths, int *ret, char *why, size_t size)
{
	int error = 0;

	if (mount("tree", SITE, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=512,mode=0555") <
	    0) {
		error = -errno;
		fmt_format(why, size, "cannot mount a tmpfs: {}", strerror(-error));
		return error;
	}
	for (; *paths && !error; paths++) {
		error = add(*paths);
		if (error)
			fmt_format(why, size, "cannot show {}: {}", *paths, strerror(-error));
	}
	if (!error && (error = take_off(ret)))
		fmt_format(why, size, "cannot make a tree of mounts read-only: {}",
		           strerror(-error));
	umount2(SITE, MNT_DETACH);
	return error;
}

int tree_enter(int tree)
{
	if (fchdir(tree) < 0 || chroot(".") < 0)
		return -errno;
	return 0;
}
