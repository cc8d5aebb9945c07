#include "door.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <libfmt/fmt.h>

enum { BACKLOG = 512 };

static int make_parent(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];

	strcpy(copy, path);
	return mkdir(dirname(copy), 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int lock_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return -EADDRINUSE;
	}
	return fd;
}

/*
 * A lock outlives no process, unlike the socket's file: who has it may remove
 * that. A server that ends removes the lock's file too, perhaps between our
 * opening and locking it; then there is a new one to try.
 */
static int take_lock(const char *path)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	struct stat ours, there;

	fmt_format(name, sizeof(name), "{}.lock", path);
	for (;;) {
		int fd = lock_file(name);

		if (fd < 0)
			return fd;
		if (fstat(fd, &ours) == 0 && stat(name, &there) == 0 &&
		    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
			return fd;
		close(fd);
	}
}

static int remove_stale(const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	return unlink(path) < 0 ? -errno : 0;
}

static int listen_at(const char *path, unsigned mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	strcpy(address.sun_path, path);
	/* The file must not be there with other rights for even a moment. */
	mode_t old = umask(0777 & ~mode);
	int error = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(old);
	if (!error && listen(fd, BACKLOG) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

static int explain(const char *path, int error, char *why, size_t size)
{
	switch (error) {
	case -EADDRINUSE:
		fmt_format(why, size,
		           "cannot listen at {}: another server does; stop it, or choose "
		           "another --socket",
		           path);
		break;
	case -EEXIST:
		fmt_format(why, size,
		           "cannot listen at {}: there is a file that is no socket; "
		           "remove it, or choose another --socket",
		           path);
		break;
	case -ENOENT:
		fmt_format(why, size,
		           "cannot listen at {}: its folder is not there; make it, or choose a "
		           "--socket in one of yours",
		           path);
		break;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		fmt_format(why, size,
		           "cannot listen at {}: {}; choose a --socket in a folder of "
		           "yours, or set METT_SOCKET or XDG_RUNTIME_DIR",
		           path, strerror(-error));
		break;
	default:
		fmt_format(why, size, "cannot listen at {}: {}", path, strerror(-error));
	}
	return error;
}

int door_open(struct door *ret, const char *path, bool make_folder, unsigned mode, char *why,
              size_t size)
{
	int error = make_folder ? make_parent(path) : 0;

	if (error)
		return explain(path, error, why, size);
	int lock = take_lock(path);
	if (lock < 0)
		return explain(path, lock, why, size);
	error = remove_stale(path);
	int gate = error ? error : listen_at(path, mode);
	if (gate < 0) {
		close(lock);
		return explain(path, gate, why, size);
	}
	*ret = (struct door){.gate = gate, .lock = lock, .path = path};
	return 0;
}

void door_close(struct door *door)
{
	char lock[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];

	fmt_format(lock, sizeof(lock), "{}.lock", door->path);
	unlink(door->path);
	unlink(lock);
	close(door->lock);
}
