/*
 * What the function is, and how it is run.
 */
#include "private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 256, /* of a script's first line, as the kernel has it */
	HEADERS_MAX = 64,
	CODE_NO_EXEC = 127, /* as shells have it */
};

static const char system_files[] = "/usr";
static const char scripts[] = "/function";

__attribute__((noreturn, format(printf, 1, 2))) static void refuse(const char *format, ...)
{
	char text[METT_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	mett_worker_fail_start(text);
}

/* Besides what was granted there is nothing here. */
static void need_file(const char *path, const char *what)
{
	if (access(path, X_OK) == 0)
		return;
	if (access(system_files, F_OK) < 0)
		refuse("it needs %s, %.100s, and its sandbox is empty; grant it the machine's "
		       "(--grant system)",
		       what, path);
	refuse("it needs %s, %.100s, which this machine does not have; install that, or name "
	       "another",
	       what, path);
}

static bool in_path(const char *command)
{
	static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};
	char path[LINE_MAX_BYTES + 32];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], command);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* "#!/usr/bin/env node": what is needed is the second word. */
static void need_command(const char *interpreter, const char *command)
{
	const char *slash = strrchr(interpreter, '/');

	if (!slash || strcmp(slash, "/env") || !*command || *command == '-' ||
	    strpbrk(command, "=/"))
		return;
	if (!in_path(command))
		refuse("it needs the interpreter '%.100s', which is not in this machine's /usr; "
		       "install it, or name another",
		       command);
}

static void look_at_script(char *line)
{
	line[strcspn(line, "\n")] = 0;
	char *interpreter = line + 2 + strspn(line + 2, " \t");
	size_t length = strcspn(interpreter, " \t\r");
	char *command = interpreter + length;

	if (*interpreter != '/')
		refuse("its first line names no interpreter; write it as #!/bin/sh");
	if (*command == '\r')
		refuse("its first line ends in a carriage return; save it with lines that end as "
		       "here");
	if (*command) {
		*command++ = 0;
		command += strspn(command, " \t");
		command[strcspn(command, " \t\r")] = 0;
	}
	need_file(interpreter, "the interpreter");
	need_command(interpreter, command);
}

static bool read_at(int fd, void *ret, size_t size, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, ret, size, (off_t)offset) == (ssize_t)size;
}

static void look_at_elf(int fd)
{
	char path[LINE_MAX_BYTES];
	Elf64_Phdr header;
	Elf64_Ehdr elf;

	if (!read_at(fd, &elf, sizeof(elf), 0) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf.e_machine != EM_X86_64 || (elf.e_type != ET_EXEC && elf.e_type != ET_DYN))
		refuse("it is an ELF file, but no program for x86-64; compile and link it for "
		       "this machine");
	for (unsigned i = 0; i < elf.e_phnum && i < HEADERS_MAX; i++) {
		if (!read_at(fd, &header, sizeof(header), elf.e_phoff + i * sizeof(header)))
			refuse("it is an ELF file that is cut short; upload it again");
		if (header.p_type != PT_INTERP)
			continue;
		if (header.p_filesz < 2 || header.p_filesz > sizeof(path) ||
		    !read_at(fd, path, header.p_filesz, header.p_offset))
			refuse("it is an ELF file that names no sound dynamic linker; link it again");
		path[header.p_filesz - 1] = 0;
		need_file(path, "the dynamic linker");
	}
}

void program_open(struct program *ret, const char *name)
{
	char begin[LINE_MAX_BYTES + 1];
	int fd = mett_worker_function_fd();
	ssize_t size = pread(fd, begin, LINE_MAX_BYTES, 0);

	*ret = (struct program){.name = name, .fd = fd};
	begin[size < 0 ? 0 : size] = 0;
	if (size >= SELFMAG && !memcmp(begin, ELFMAG, SELFMAG)) {
		look_at_elf(fd);
	} else if (size >= 2 && !memcmp(begin, "#!", 2)) {
		look_at_script(begin);
		snprintf(ret->script, sizeof(ret->script), "%s/%s", scripts, name);
	} else {
		refuse("it is neither an ELF program nor a script; begin a script with #! and its "
		       "interpreter");
	}
}

/* A limit that a program could raise again would be none. */
static void fix_limit(int resource)
{
	struct rlimit limit;

	getrlimit(resource, &limit);
	limit.rlim_max = limit.rlim_cur;
	setrlimit(resource, &limit);
}

__attribute__((noreturn)) static void become(const struct program *program,
                                             char *const environment[])
{
	char *const argv[] = {(char *)program->name, NULL};

	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	fix_limit(RLIMIT_DATA);
	fix_limit(RLIMIT_AS);
	setsid();
	close_range(STREAM_REPLY + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	if (*program->script)
		execve(program->script, argv, environment);
	else
		execveat(program->fd, "", argv, environment, AT_EMPTY_PATH);
	dprintf(STDERR_FILENO, "exec-faas: cannot execute the program: %s\n", strerror(errno));
	_exit(CODE_NO_EXEC);
}

__attribute__((noreturn)) static void be_child(const struct program *program, enum stream answers,
                                               char *const environment[], int in, int out)
{
	if (dup2(in, STREAM_IN) < 0 || dup2(out, (int)answers) < 0)
		_exit(CODE_NO_EXEC);
	/* The gate is nobody's but ours. */
	if (answers != STREAM_REPLY)
		close(STREAM_REPLY);
	become(program, environment);
}

static void close_pair(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

int program_start(const struct program *program, enum stream answers, char *const environment[],
                  struct child *ret)
{
	int in[2], out[2], error;

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		error = -errno;
		close_pair(in);
		return error;
	}
	pid_t pid = fork();
	if (pid == 0)
		be_child(program, answers, environment, in[0], out[1]);
	int handle = pid < 0 ? -1 : pidfd_open(pid, 0);
	error = handle < 0 ? -errno : 0;
	close(in[0]);
	close(out[1]);
	if (error) {
		close(in[1]);
		close(out[0]);
		return error;
	}
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	*ret = (struct child){pid, handle, in[1], out[0]};
	return 0;
}

int child_wait(struct child *child)
{
	int status = 0;

	if (child->in >= 0)
		close(child->in);
	close(child->out);
	close(child->handle);
	waitpid(child->pid, &status, 0);
	return status;
}

void sweep(void)
{
	/* Who loses its parent becomes our child: see main(). */
	do
		kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0);
}
