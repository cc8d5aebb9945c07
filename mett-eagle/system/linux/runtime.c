#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include "large.h"
#include "tree.h"

enum { FILES_MAX = 256 };

/* Paths of a list, in one piece of memory with what they point into. */
struct files {
	const char *path[FILES_MAX + 1];
	unsigned count;
	char *line[FILES_MAX];
};

static int files_add(struct files *files, const char *line)
{
	bool optional = line[0] == '?';
	const char *path = line + optional;

	if (!*path || *path == '#' || (optional && access(path, F_OK) < 0))
		return 0;
	if (files->count == FILES_MAX)
		return -E2BIG;
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	files->line[files->count] = copy;
	files->path[files->count++] = copy;
	return 0;
}

static int files_read(struct files *files, const char *list)
{
	char line[PATH_MAX + 2];
	FILE *in = fopen(list, "re");
	int error = in ? 0 : -errno;

	while (!error && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		error = files_add(files, line);
	}
	if (in)
		fclose(in);
	return error;
}

static void files_free(struct files *files)
{
	for (unsigned i = 0; i < files->count; i++)
		free(files->line[i]);
}

void runtime_open(struct runtime *ret, const char *option, const char *program)
{
	static struct files files;
	char list[PATH_MAX], why[METT_MESSAGE_MAX / 2];
	int error;

	files = (struct files){0};
	*ret = (struct runtime){.program = -1, .tree = -1};
	fmt_format(list, sizeof(list), "{}.files", program);
	if (large_copy(program, &ret->program))
		ret->program = open(program, O_PATH | O_CLOEXEC);
	if (ret->program < 0) {
		fmt_format(ret->missing, sizeof(ret->missing),
		           "cannot open {}: {}; start the server with --{} PATH", program,
		           strerror(errno), option);
		return;
	}
	error = files_read(&files, list);
	if (error)
		fmt_format(why, sizeof(why), "cannot read {}: {}", list, strerror(-error));
	else
		error = tree_make(files.path, &ret->tree, why, sizeof(why));
	files_free(&files);
	if (!error)
		return;
	close(ret->program);
	ret->program = -1;
	fmt_format(ret->missing, sizeof(ret->missing),
	           "{}; install what the runtime needs, and restart the server", why);
}
