#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

enum {
	ASIDE_NAME_SIZE = NAME_MAX + 1,
	WRITE_TRIES = 16, /* names of drafts that somebody put things at */
};

static void sync_parent(const char *path)
{
	char copy[PATH_MAX];

	strcpy(copy, path);
	int parent = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* One that may not be read is a system's, and will be written out in time. */
	if (parent < 0)
		return;
	folder_sync(parent);
	close(parent);
}

/* The folder, and those above it; each lasts once this has returned. */
static int make_folders(const char *path)
{
	char part[PATH_MAX];

	if (!*path || strlen(path) >= sizeof(part))
		return *path ? -ENAMETOOLONG : -ENOENT;
	for (size_t end = 1;; end++) {
		if (path[end] && path[end] != '/')
			continue;
		memcpy(part, path, end);
		part[end] = 0;
		if (mkdir(part, 0700) == 0)
			sync_parent(part);
		else if (errno != EEXIST && !(path[end] && (errno == EROFS || errno == EACCES)))
			return -errno;
		if (!path[end])
			return 0;
	}
}

static int check_folder(int folder, const char *path, char *why, size_t size)
{
	struct stat status;

	if (fstat(folder, &status) < 0)
		return -errno;
	if (status.st_uid != geteuid()) {
		fmt_format(why, size,
		           "state folder '{}' belongs to user {}, and this server runs as user {}; "
		           "change its owner, or choose another --state",
		           path, status.st_uid, geteuid());
		return -EPERM;
	}
	if (status.st_mode & (S_IWGRP | S_IWOTH)) {
		fmt_format(why, size,
		           "state folder '{}' can be written to by others than user {}; chmod go-w "
		           "it, or choose another --state",
		           path, geteuid());
		return -EPERM;
	}
	return 0;
}

static int take_lock(int folder, int *ret)
{
	int lock = openat(folder, "lock",
	                  O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);

	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		int error = errno == EWOULDBLOCK ? -EBUSY : -errno;

		close(lock);
		return error;
	}
	*ret = lock;
	return 0;
}

static int explain(const char *path, const char *part, int error, char *why, size_t size)
{
	const char *advice = "choose another --state";

	if (error == -EBUSY) {
		fmt_format(
			why, size,
			"state folder '{}' is in use by another server; stop that one, or choose "
			"another --state",
			path);
		return error;
	}
	if (error == -ENOTDIR || error == -EPERM || error == -ELOOP)
		advice = "move away what is there, or choose another --state";
	if (error == -ENOSPC || error == -EDQUOT)
		advice = "make room, or choose another --state";
	fmt_format(why, size, "cannot use state folder '{}{}{}': {}; {}", path, *part ? "/" : "",
	           part, strerror(-error), advice);
	return error;
}

static int open_parts(struct sys_store *store, int folder, const char *path, char *why, size_t size)
{
	const struct {
		const char *name;
		int *ret;
	} parts[] = {
		{"code", &store->code},
		{"records", &store->records},
		{"draft", &store->draft},
		{"quarantine", &store->quarantine},
	};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		int part = folder_open(folder, parts[i].name);

		if (part < 0)
			return explain(path, parts[i].name, part, why, size);
		*parts[i].ret = part;
	}
	return 0;
}

static int open_all(struct sys_store *store, const char *path, char *why, size_t size)
{
	int error = make_folders(path);
	int folder = error ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return explain(path, "", error ? error : -errno, why, size);
	error = check_folder(folder, path, why, size);
	if (!error && (error = take_lock(folder, &store->lock)))
		explain(path, "lock", error, why, size);
	if (!error)
		error = open_parts(store, folder, path, why, size);
	close(folder);
	if (!error)
		folder_clear(store->draft);
	return error;
}

int sys_store_open(const char *path, struct sys_store **ret, char *why, size_t size)
{
	struct sys_store *store = malloc(sizeof(*store));
	int error = -ENOMEM;

	if (store) {
		*store = (struct sys_store){.lock = -1,
		                            .code = -1,
		                            .records = -1,
		                            .draft = -1,
		                            .quarantine = -1,
		                            .path = strdup(path)};
		if (store->path)
			error = open_all(store, path, why, size);
	}
	if (error == -ENOMEM)
		fmt_format(why, size, "no memory to open state folder '{}'", path);
	if (error)
		sys_store_close(store);
	else
		*ret = store;
	return error;
}

void sys_store_close(struct sys_store *store)
{
	if (!store)
		return;
	sys_cap_close(store->code);
	sys_cap_close(store->records);
	sys_cap_close(store->draft);
	sys_cap_close(store->quarantine);
	sys_cap_close(store->lock);
	free(store->path);
	free(store);
}

void store_set_aside(struct sys_store *store, int folder, const char *kind, const char *name,
                     const char *why)
{
	char aside[ASIDE_NAME_SIZE];
	struct timespec now;

	/* Whatever was set aside earlier has another name, and stays. */
	clock_gettime(CLOCK_REALTIME, &now);
	fmt_format(aside, sizeof(aside), "{}.{}.{:09}", name, now.tv_sec, now.tv_nsec);
	if (renameat(folder, name, store->quarantine, aside) == 0)
		log_error("state folder '{}': {} '{}' is damaged: {}; moved to quarantine/{}",
		          store->path, kind, name, why, aside);
	else
		log_error("state folder '{}': {} '{}' is damaged: {}; it cannot be moved to "
		          "quarantine: {}",
		          store->path, kind, name, why, strerror(errno));
}

int store_write(struct sys_store *store, int folder, const char *kind, const char *name,
                const struct folder_part *parts, unsigned count)
{
	char as[32];
	int error = -EEXIST;

	for (int tries = 0; (error == -EEXIST || error == -EISDIR) && tries < WRITE_TRIES;
	     tries++) {
		if (error == -EISDIR)
			store_set_aside(store, folder, kind, name, "a folder is in its place");
		fmt_format(as, sizeof(as), "{}", atomic_fetch_add(&store->drafts, 1));
		error = folder_write(folder, name, store->draft, as, parts, count);
	}
	return error;
}
