#include <mett-eagle/registry.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int mett_default_state(char *buffer, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int length;

	*buffer = 0;
	if (state && *state == '/')
		length = snprintf(buffer, size, "%s/mett-eagle", state);
	else if (geteuid() == 0)
		length = snprintf(buffer, size, "/var/lib/mett-eagle");
	else if (home && *home == '/')
		length = snprintf(buffer, size, "%s/.local/state/mett-eagle", home);
	else
		return -ENOENT;
	if (length >= 0 && (size_t)length < size)
		return 0;
	*buffer = 0;
	return -ENAMETOOLONG;
}
