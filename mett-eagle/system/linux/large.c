#include "large.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#define NAME "program"

/* A tmpfs in no mount namespace. */
static int make_room(off_t size)
{
	int room = -1, context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char bytes[32];

	fmt_format(bytes, sizeof(bytes), "{}", (long long)size + 2 * LARGE_PAGE);
	if (context >= 0 && fsconfig(context, FSCONFIG_SET_STRING, "huge", "always", 0) == 0 &&
	    fsconfig(context, FSCONFIG_SET_STRING, "size", bytes, 0) == 0 &&
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		room = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (room < 0)
		room = -errno;
	if (context >= 0)
		close(context);
	return room;
}

static int copy(int from, int room, mode_t mode, off_t size)
{
	int to = openat(room, NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0555),
	    error = 0;

	if (to < 0)
		return -errno;
	while (size > 0 && !error) {
		ssize_t copied = sendfile(to, from, NULL, (size_t)size);

		if (copied <= 0)
			error = copied < 0 ? -errno : -EIO;
		else
			size -= copied;
	}
	close(to);
	return error;
}

static int seal(int room)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};

	return mount_setattr(room, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 ? -errno
	                                                                                   : 0;
}

int large_copy(const char *path, int *ret)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), room = -1, program = -1, error = 0;
	struct stat status;

	if (from < 0 || fstat(from, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_size <= LARGE_PAGE)
		error = -ENOTSUP;
	else if ((room = make_room(status.st_size)) < 0)
		error = room;
	if (!error)
		error = copy(from, room, status.st_mode, status.st_size);
	if (!error)
		error = seal(room);
	if (!error && (program = openat(room, NAME, O_PATH | O_CLOEXEC)) < 0)
		error = -errno;
	if (from >= 0)
		close(from);
	if (room >= 0)
		close(room);
	if (!error)
		*ret = program;
	return error;
}
