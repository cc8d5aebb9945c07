#include <mett-eagle/registry.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int mett_default_socket(char *buffer, size_t size)
{
	const char *given = getenv("METT_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
	int length;

	if (given && *given)
		length = snprintf(buffer, size, "%s", given);
	else if (runtime && *runtime)
		length = snprintf(buffer, size, "%s/mett-eagle/socket", runtime);
	else
		length = snprintf(buffer, size, "/run/mett-eagle/socket");
	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}
