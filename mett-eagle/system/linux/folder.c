#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0600, FOLDER_MODE = 0700 };

/* Parents may have given it to others before; what is in it is for its owner. */
static int claim(int folder)
{
	struct stat status;

	if (fstat(folder, &status) < 0)
		return -errno;
	if (status.st_uid != geteuid())
		return -EPERM;
	if ((status.st_mode & 0777) != FOLDER_MODE && fchmod(folder, FOLDER_MODE) < 0)
		return -errno;
	return 0;
}

int folder_open(int parent, const char *name)
{
	int made = mkdirat(parent, name, FOLDER_MODE) == 0;
	int error = made || errno == EEXIST ? 0 : -errno;
	int folder = error ? error
	                   : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (error)
		return error;
	if (folder < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	error = claim(folder);
	if (!error && made)
		error = folder_sync(parent);
	if (error) {
		close(folder);
		return error;
	}
	return folder;
}

int folder_sync(int folder)
{
	return fsync(folder) < 0 ? -errno : 0;
}

static int write_part(int file, const struct folder_part *part)
{
	for (size_t done = 0; done < part->size;) {
		ssize_t count = write(file, (const char *)part->data + done, part->size - done);

		if (count > 0)
			done += (size_t)count;
		else if (count == 0)
			return -EIO;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int write_draft(int draft, const char *as, const struct folder_part *parts, unsigned count)
{
	int file =
		openat(draft, as, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	int error = 0;

	if (file < 0)
		return -errno;
	for (unsigned i = 0; i < count && !error; i++)
		error = write_part(file, &parts[i]);
	if (!error && fsync(file) < 0)
		error = -errno;
	/* Some file systems tell only here that they had no room. */
	if (close(file) < 0 && !error && errno != EINTR)
		error = -errno;
	if (error)
		unlinkat(draft, as, 0);
	return error;
}

int folder_write(int folder, const char *name, int draft, const char *as,
                 const struct folder_part *parts, unsigned count)
{
	int error = write_draft(draft, as, parts, count);

	if (error)
		return error;
	if (renameat(draft, as, folder, name) < 0) {
		error = -errno;
		unlinkat(draft, as, 0);
		return error;
	}
	return folder_sync(folder);
}

int folder_find(int folder, const char *name, size_t *ret_size)
{
	/* O_NONBLOCK: who opens a FIFO otherwise waits for its writer. */
	int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (file < 0) /* a link, a socket, or a device without a driver */
		return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
	int error = fstat(file, &status) < 0 ? -errno : !S_ISREG(status.st_mode) ? -EBADMSG : 0;
	if (error) {
		close(file);
		return error;
	}
	*ret_size = (size_t)status.st_size;
	return file;
}

int folder_read(int file, void *ret, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = pread(file, (char *)ret + done, size - done, (off_t)done);

		if (count == 0)
			return -EBADMSG;
		if (count > 0)
			done += (size_t)count;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int folder_remove(int folder, const char *name)
{
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return folder_sync(folder);
}

void folder_clear(int folder)
{
	struct dirent **list;
	int count = folder_list(folder, &list);

	for (int i = 0; i < count; i++)
		unlinkat(folder, list[i]->d_name, 0);
	folder_list_free(list, count);
}

static int is_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int folder_list(int folder, struct dirent ***ret)
{
	*ret = NULL;
	int count = scandirat(folder, ".", ret, is_name, by_bytes);
	return count < 0 ? -errno : count;
}

void folder_list_free(struct dirent **list, int count)
{
	for (int i = 0; i < count; i++)
		free(list[i]);
	free(list);
}
