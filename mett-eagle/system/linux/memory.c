#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <libfmt/fmt.h>

enum {
	/*
	 * Besides what RLIMIT_DATA counts a process maps its text, its window and
	 * payloads. Address space must be bounded too, or page tables alone, for
	 * pages that are only read, would eat the machine.
	 */
	ADDRESS_SPACE_SLACK = 256 << 20,
};

/* The soft limit only: that of a reused worker may rise again, and workers can set none. */
static int set_soft_limit(pid_t pid, int resource, rlim_t value)
{
	struct rlimit limit;

	if (prlimit(pid, resource, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
	return prlimit(pid, resource, &limit, NULL) < 0 ? -errno : 0;
}

int memory_limit(pid_t pid, uint64_t bytes)
{
	rlim_t data = RLIM_INFINITY, space = RLIM_INFINITY;

	if (bytes && bytes < RLIM_INFINITY - ADDRESS_SPACE_SLACK) {
		data = bytes;
		space = bytes + ADDRESS_SPACE_SLACK;
	}
	int error = set_soft_limit(pid, RLIMIT_DATA, data);
	return error ? error : set_soft_limit(pid, RLIMIT_AS, space);
}

uint64_t memory_peak(pid_t pid)
{
	static const char label[] = "VmHWM:";
	char path[32], text[2048];

	fmt_format(path, sizeof(path), "/proc/{}/status", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = 0;
	const char *line = strstr(text, label);
	return line ? strtoull(line + sizeof(label) - 1, NULL, 10) << 10 : 0;
}
