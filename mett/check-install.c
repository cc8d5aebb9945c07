/* What was installed, and what runs of it. */
#include "beside.h"
#include "check.h"

#include <mett-eagle/client.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static __attribute__((noreturn)) void become_trial(const char *server, int out)
{
	dup2(out, STDERR_FILENO);
	close(STDOUT_FILENO);
	setenv("LOG_LEVEL", "fatal", 1);
	setenv("LOG_FORMAT", "clean", 1);
	setenv("NO_COLOR", "1", 1);
	execl(server, "mett-eagle", "--check", "--socket", "/unused", (char *)NULL);
	_exit(127);
}

/* Whether the server could make a sandbox; else what it said. */
static bool try_server(const char *server, char *ret, size_t size)
{
	int ends[2], status = -1;
	size_t used = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		become_trial(server, ends[1]);
	close(ends[1]);
	for (ssize_t got = 1; got > 0 && used<size - 1; used += got> 0 ? (size_t)got : 0)
		got = read(ends[0], ret + used, size - 1 - used);
	ret[used] = 0;
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return status == 0;
}

void check_sandbox(struct check *check, const struct check_scene *scene)
{
	char path[PATH_MAX], said[1024] = "";

	if (beside_find(BESIDE_SERVER, path)) {
		check_fail(check, "Install the whole of Mett-Eagle in one place.",
		           "no server at %s", path);
		return;
	}
	if (try_server(path, said, sizeof(said))) {
		check_ok(check, "the server makes them here");
		return;
	}
	said[strcspn(said, "\n")] = 0;
	/* Its log's lines begin with where they come from. */
	const char *why = strstr(said, "(): ");
	check_fail(check, "Mend what fails above; in a container, give it CAP_SYS_ADMIN.", "%s",
	           why ? why + 4 : said);
}

/* Returns whether each file is there that a runtime shows its functions; else which is not. */
static bool files_there(const char *program, char ret[PATH_MAX + 8])
{
	char line[PATH_MAX];
	bool there = true;

	snprintf(ret, PATH_MAX + 8, "%s.files", program);
	FILE *file = fopen(ret, "re");
	if (!file)
		return false;
	while (there && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		/* What begins otherwise is a comment, or may be missing. */
		if (*line != '/' || access(line, F_OK) == 0)
			continue;
		strcpy(ret, line);
		there = false;
	}
	fclose(file);
	return there;
}

static void check_runtime(struct check *check, enum beside which, const char *mend)
{
	char path[PATH_MAX], missing[PATH_MAX + 8];

	if (beside_find(which, path))
		check_warn(check, mend, "%s is not there", path);
	else if (!files_there(path, missing))
		check_warn(check, mend, "%s needs %s, which is not there", path, missing);
	else
		check_ok(check, "%s", path);
}

void check_python(struct check *check, const struct check_scene *scene)
{
	check_runtime(check, BESIDE_PYTHON,
	              "For functions in Python install Debian's libpython3-dev, then build and "
	              "install Mett-Eagle again.");
}

void check_exec(struct check *check, const struct check_scene *scene)
{
	check_runtime(check, BESIDE_EXEC,
	              "For programs and shell scripts install Mett-Eagle again, as a whole.");
}

/* What the compiler says comes to @said; of that the first line. */
static int compile_quietly(const char *path, int *ret_program, struct mett_error *error,
                           char said[static 256])
{
	int before = dup(STDERR_FILENO), output = memfd_create("compiler", MFD_CLOEXEC);

	dup2(output, STDERR_FILENO);
	int failure = mett_compile_c(path, ret_program, error);
	dup2(before, STDERR_FILENO);
	ssize_t size = pread(output, said, 255, 0);
	said[size < 0 ? 0 : size] = 0;
	said[strcspn(said, "\n")] = 0;
	close(before);
	close(output);
	return failure;
}

/* By the library's own way, so that it is what a deploy would meet. */
void check_compiler(struct check *check, const struct check_scene *scene)
{
	static const char source[] = "#include <faas.h>\n"
				     "int faas_main(const void *argument, size_t size)\n"
				     "{\n\treturn faas_answer(argument, size);\n}\n";
	char path[] = "/tmp/mett-doctor-XXXXXX.c", said[256];
	struct mett_error error;
	int program = -1, fd = mkostemps(path, 2, O_CLOEXEC);

	if (fd < 0 || write(fd, source, sizeof(source) - 1) < 0) {
		check_warn(check, "Let us write to /tmp.", "cannot write %s: %s", path,
		           strerror(errno));
	} else if (compile_quietly(path, &program, &error, said) < 0) {
		const char *why = strstr(error.message, "': ");

		check_warn(check,
		           "For functions in C by source install gcc, libc6-dev and pkgconf.", "%s",
		           *said ? said
		           : why ? why + 3
		                 : error.message);
	} else {
		check_ok(check, "functions in C compile");
	}
	close(program);
	close(fd);
	if (fd >= 0)
		unlink(path);
}

void check_server(struct check *check, const struct check_scene *scene)
{
	struct mett_client *client = NULL;
	struct mett_error error;

	if (mett_register_client(scene->socket, &client, &error) == 0)
		check_ok(check, "answers at %s, in our version of the protocol", scene->socket);
	else if (access(scene->socket, F_OK) < 0 && errno == ENOENT)
		check_warn(check, "Start it: mett-eagle &, or as root: systemctl start mett-eagle",
		           "none at %s; 'mett run' needs none", scene->socket);
	else if (access(scene->socket, W_OK) < 0 && errno == EACCES)
		check_fail(
			check,
			"Have it started with --socket-mode=0666, or start one of your own, after "
			"'export METT_SOCKET=$HOME/mett.socket'.",
			"one at %s is not for us", scene->socket);
	else
		check_fail(check, "See what the server's log says.", "%s", error.message);
	mett_client_free(client);
}

void check_recorder(struct check *check, const struct check_scene *scene)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static const char mend[] =
		"For 'mett logs' and 'mett activations' start mett-recorder beside the server.";
	int length =
		snprintf(address.sun_path, sizeof(address.sun_path), "%s.records", scene->socket);

	if (length >= (int)sizeof(address.sun_path)) {
		check_warn(check, "Choose a shorter path for the server's socket.",
		           "%s.records is too long for a socket", scene->socket);
		return;
	}
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		check_ok(check, "answers at %s", address.sun_path);
	else
		check_warn(check, mend, "none at %s: %s", address.sun_path, strerror(errno));
	close(fd);
}
