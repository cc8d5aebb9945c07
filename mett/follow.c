#include "follow.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { QUIET_MS = 30, ROUNDS = 20 };

int follow_init(struct follow *ret, const char *path)
{
	char real[PATH_MAX];

	/* Behind a link its target is what is written. */
	if (!realpath(path, real))
		return -errno;
	char *name = strdup(basename(real));
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), error = 0;
	if (!name)
		error = -ENOMEM;
	else if (fd < 0 || inotify_add_watch(fd, dirname(real),
	                                     IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF |
	                                             IN_MOVE_SELF | IN_ONLYDIR) < 0)
		error = -errno;
	*ret = (struct follow){fd, name};
	if (error)
		follow_deinit(ret);
	return error;
}

void follow_deinit(struct follow *follow)
{
	if (follow->fd >= 0)
		close(follow->fd);
	free(follow->name);
}

/* Takes all there is to know for now; returns as follow_saved(). */
static int take(const struct follow *follow)
{
	_Alignas(struct inotify_event) char buffer[4096];
	bool saved = false;
	ssize_t got;

	while ((got = read(follow->fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))
				return -ENOENT;
			/* What was lost may have been it. */
			if (event->mask & IN_Q_OVERFLOW ||
			    (event->len && !strcmp(event->name, follow->name)))
				saved = true;
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	return saved;
}

int follow_saved(struct follow *follow)
{
	struct pollfd more = {follow->fd, POLLIN, 0};
	int saved = take(follow);

	/* Its folder may be one where there is always something. */
	for (int i = 0; i < ROUNDS && saved > 0 && poll(&more, 1, QUIET_MS) > 0; i++) {
		int again = take(follow);

		if (again < 0)
			return again;
	}
	return saved;
}
