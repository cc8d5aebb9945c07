#include "beside.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From this program's folder: $bindir, or mett/ of what was built. */
static const struct {
	const char *installed, *built;
} places[BESIDE_COUNT] = {
	[BESIDE_SERVER] = {"mett-eagle", "../mett-eagle/mett-eagle"},
	[BESIDE_PYTHON] = {"../libexec/mett-eagle/python-faas3", "../libfaas/python/python-faas3"},
	[BESIDE_EXEC] = {"../libexec/mett-eagle/exec-faas", "../libfaas/exec/exec-faas"},
};

int beside_find(enum beside which, char ret[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length < 0 ? 0 : length] = 0;
	const char *folder = dirname(self);
	snprintf(ret, PATH_MAX, "%s/%s", folder, places[which].built);
	if (access(ret, X_OK) < 0)
		snprintf(ret, PATH_MAX, "%s/%s", folder, places[which].installed);
	if (access(ret, X_OK) < 0)
		return -errno;
	/* It is shown. */
	if (realpath(ret, self))
		strcpy(ret, self);
	return 0;
}
