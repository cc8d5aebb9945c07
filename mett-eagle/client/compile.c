/*
 * C and C++ by source: the machine's compiler makes a function of one file, on the client's side
 * and with its rights. No shell is on the way, so a path can hold what it likes.
 */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 128, OUTPUT_MAX = 8192, CODE_NOT_FOUND = 127 };

extern char **environ;

/* What the compilers of the two languages differ in. */
struct dialect {
	const char *variable, *compiler; /* its name, and where the user may have named another */
	char *standard, *language;
};

static const struct dialect c_dialect = {"CC", "cc", "-std=gnu17", "-xc"};
static const struct dialect cxx_dialect = {"CXX", "c++", "-std=gnu++17", "-xc++"};

/* A command line, and the text that some of it points into. */
struct command {
	char *word[WORDS_MAX + 1];
	unsigned count;
};

static void add(struct command *command, char *word)
{
	if (command->count < WORDS_MAX)
		command->word[command->count++] = word;
}

/* What is separated by blanks; cuts up @text. */
static void add_words(struct command *command, char *text)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest))
		add(command, word);
}

/* Returns 0, or a negative errno when it cannot be run. */
static int run(struct command *command, int output, int *ret_status)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return -error;
	error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(&pid, command->word[0], &actions, NULL, command->word,
		                     environ);
	posix_spawn_file_actions_destroy(&actions);
	while (!error && waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			error = errno;
	return -error;
}

static int bad_source(struct mett_error *error, const char *path, const char *why)
{
	return mett_error_set(error, METT_BAD_PROGRAM, 0, "cannot compile '%.100s': %s", path, why);
}

/* Where this library was installed the functions' may be, whatever pkg-config knows by itself. */
static int ask_flags(const char *path, char text[OUTPUT_MAX], struct mett_error *error)
{
	char *known = getenv("PKG_CONFIG_PATH"), variable[PATH_MAX + 32];
	struct command command = {0};
	int ends[2], status = -1;
	size_t size = 0;

	snprintf(variable, sizeof(variable), "PKG_CONFIG_PATH=%s%s%s", known ? known : "",
	         known ? ":" : "", METT_PKGCONFIG);
	add(&command, "env");
	add(&command, variable);
	add(&command, "pkg-config");
	add(&command, "--static");
	add(&command, "--cflags");
	add(&command, "--libs");
	add(&command, "faas");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return mett_error_set(error, METT_NO_MEMORY, 0, "cannot make a pipe: %s",
		                      strerror(errno));
	/* Less than a pipe holds, so that it need not be read meanwhile. */
	int failure = run(&command, ends[1], &status);
	close(ends[1]);
	for (ssize_t got = 1; got > 0 && size<OUTPUT_MAX - 1; size += got> 0 ? (size_t)got : 0)
		got = read(ends[0], text + size, OUTPUT_MAX - 1 - size);
	close(ends[0]);
	text[size] = 0;
	if (failure || !WIFEXITED(status) || WEXITSTATUS(status) == CODE_NOT_FOUND)
		return bad_source(error, path, "cannot run pkg-config; install pkgconf");
	if (WEXITSTATUS(status))
		return bad_source(error, path,
		                  "pkg-config does not know 'faas'; install libfaas, or name its "
		                  "folder in PKG_CONFIG_PATH");
	return 0;
}

/* What begins with these an option or a list of them would be taken for. */
static char *plain_path(const char *path)
{
	char *plain = malloc(strlen(path) + 3);

	if (plain)
		sprintf(plain, "%s%s", *path == '-' || *path == '@' ? "./" : "", path);
	return plain;
}

static int run_compiler(const struct dialect *dialect, const char *path, const char *source,
                        const char *program, struct mett_error *error)
{
	const char *named = getenv(dialect->variable);
	char *compiler = strdup(named && *named ? named : dialect->compiler);
	struct command command = {0};
	char flags[OUTPUT_MAX];
	int status = 0;

	if (!compiler)
		return mett_error_set(error, METT_NO_MEMORY, 0, "no memory here");
	int failure = ask_flags(path, flags, error);
	if (!failure) {
		add_words(&command, compiler);
		add(&command, dialect->standard);
		add(&command, "-O2");
		add(&command, "-Wall");
		add(&command, "-D_FORTIFY_SOURCE=2");
		add(&command, "-o");
		add(&command, (char *)program);
		add(&command, dialect->language);
		add(&command, (char *)source);
		add(&command, "-xnone");
		add_words(&command, flags);
		failure = command.word[0] ? run(&command, STDERR_FILENO, &status) : -ENOENT;
		if (failure)
			failure =
				mett_error_set(error, METT_BAD_PROGRAM, 0,
			                       "cannot run the compiler '%.60s': %s; install one, "
			                       "or name it in %s",
			                       command.word[0] ? command.word[0] : "",
			                       strerror(-failure), dialect->variable);
		else if (status)
			failure = bad_source(error, path, "the compiler's errors say why");
	}
	free(compiler);
	return failure;
}

static int check_source(const char *path, struct mett_error *error)
{
	struct stat status;

	if (!path || !*path)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "path is %s; give the source file of a function",
		                      path ? "empty" : "NULL");
	if (stat(path, &status) < 0)
		return bad_source(error, path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return bad_source(error, path, "it is no regular file");
	return 0;
}

static int compile(const struct dialect *dialect, const char *path, int *ret_fd,
                   struct mett_error *error)
{
	const char *temporary = getenv("TMPDIR");
	char folder[PATH_MAX], program[PATH_MAX + 16];
	char *source;
	int fd = -1;

	int failure = ret_fd ? check_source(path, error)
	                     : mett_error_set(error, METT_BAD_ARGUMENT, 0, "ret_fd is NULL");
	if (failure)
		return failure;
	snprintf(folder, sizeof(folder), "%s/mett-eagle-XXXXXX",
	         temporary && *temporary ? temporary : "/tmp");
	source = plain_path(path);
	if (!source || !mkdtemp(folder)) {
		failure = mett_error_set(error, METT_NO_MEMORY, 0,
		                         "cannot make a folder '%.100s': %s", folder,
		                         strerror(errno));
		free(source);
		return failure;
	}
	snprintf(program, sizeof(program), "%s/program", folder);
	failure = run_compiler(dialect, path, source, program, error);
	if (!failure && (fd = open(program, O_RDONLY | O_CLOEXEC)) < 0)
		failure = bad_source(error, path, "the compiler left no program");
	unlink(program);
	rmdir(folder);
	free(source);
	if (failure)
		return failure;
	*ret_fd = fd;
	return mett_error_clear(error);
}

int mett_compile_c(const char *path, int *ret_fd, struct mett_error *error)
{
	return compile(&c_dialect, path, ret_fd, error);
}

int mett_compile_cxx(const char *path, int *ret_fd, struct mett_error *error)
{
	return compile(&cxx_dialect, path, ret_fd, error);
}
