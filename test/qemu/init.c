/*
 * First process of the guest that `make qemu' boots: makes the machine one that a
 * server can run on, starts server and client, each by itself, tells how the
 * client ended, and turns the machine off. What they print leaves by serial lines:
 *
 *	ttyS0  console; the kernel's words
 *	ttyS1  what the client prints
 *	ttyS2  complaints of all three
 *	ttyS3  exit status of the run, one number; nothing, if there was none
 *
 * /arguments/server and /arguments/client hold an argument after the other, each
 * ended by a zero byte; /arguments/environment the same for NAME=VALUE.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	NO_SERVER = 3, /* as in tools/run */
	READY_FD = 3,
	WORDS_MAX = 256,
	FILES_MAX = 1 << 20,
};

/* A list of arguments or of variables, as execve() takes it. */
struct words {
	char text[16384];
	char *word[WORDS_MAX + 1];
	size_t count;
};

static struct words environment;

static bool fail(const char *what, const char *object)
{
	fprintf(stderr, "init: cannot %s %s: %s\n", what, object, strerror(errno));
	return false;
}

/* The kernel's own root has nothing below it, so nobody could leave it: stand on a mount. */
static bool enter_mounted_root(void)
{
	if ((mkdir("/root", 0700) < 0 && errno != EEXIST) ||
	    mount("/", "/root", NULL, MS_BIND, NULL) < 0 || chdir("/root") < 0 ||
	    mount("/root", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return fail("mount", "/");
	return true;
}

static bool mount_at(const char *type, const char *path, unsigned long flags)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return fail("make", path);
	if (mount(type, path, type, flags, NULL) < 0)
		return fail("mount", path);
	return true;
}

static bool prepare_machine(void)
{
	const struct rlimit files = {FILES_MAX, FILES_MAX};

	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return fail("raise the limit of", "descriptors");
	return mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC) &&
	       mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC) &&
	       mount_at("tmpfs", "/tmp", MS_NOSUID | MS_NODEV) &&
	       mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV);
}

/* Bytes pass a line as they are. */
static int open_line(const char *path)
{
	struct termios how;
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (tcgetattr(fd, &how) == 0) {
		cfmakeraw(&how);
		cfsetspeed(&how, B115200);
		tcsetattr(fd, TCSANOW, &how);
	}
	return fd;
}

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0)
			_exit(1);
		bytes += written;
		size -= (size_t)written;
	}
}

static void copy_to_end(int from, int to)
{
	char buffer[4096];
	ssize_t size;

	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		write_all(to, buffer, (size_t)size);
	tcdrain(to);
}

/*
 * A process that copies to a line what is written to @ret, until nobody can write
 * there any more: for the programs that is a pipe, and no terminal to colour.
 */
static pid_t start_copying(const char *path, int *ret)
{
	int line = open_line(path), ends[2];

	if (line < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		/* What stays open here keeps the other one from its end. */
		dup2(ends[0], STDIN_FILENO);
		dup2(line, STDOUT_FILENO);
		close_range(STDERR_FILENO, ~0U, 0);
		copy_to_end(STDIN_FILENO, STDOUT_FILENO);
		_exit(0);
	}
	close(line);
	close(ends[0]);
	*ret = ends[1];
	return pid;
}

/* Takes words after those that are there already; a file that is too long is no file. */
static bool read_words(const char *path, struct words *words)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, words->text, sizeof(words->text));

	if (size < 0)
		return fail("read", path);
	close(fd);
	errno = E2BIG;
	if (size == sizeof(words->text))
		return fail("read", path);
	for (char *word = words->text; word < words->text + size; word += strlen(word) + 1) {
		if (words->count == WORDS_MAX)
			return fail("read", path);
		words->word[words->count++] = word;
	}
	return true;
}

static pid_t start(const char *program, const struct words *words, int output, int ready)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setsid();
	dup2(output, STDOUT_FILENO);
	/* dup2() to itself would leave it to be closed. */
	if (ready == READY_FD)
		fcntl(ready, F_SETFD, 0);
	else if (ready >= 0)
		dup2(ready, READY_FD);
	execve(program, words->word, environment.word);
	fail("execute", program);
	_exit(127);
}

/* The exit status as a shell tells it. */
static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Returns once clients can connect, or -1 if they never will. */
static pid_t start_server(void)
{
	static struct words words = {.word = {"mett-eagle", "--ready-fd", "3"}, .count = 3};
	int ready[2];
	char byte;

	if (!read_words("/arguments/server", &words))
		return -1;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = start("/mett-eagle", &words, STDERR_FILENO, ready[1]);
	close(ready[1]);
	ssize_t size = read(ready[0], &byte, 1);
	close(ready[0]);
	if (size == 1)
		return pid;
	if (pid > 0)
		fprintf(stderr, "init: the server did not start, it ended with status %d\n",
		        wait_for(pid));
	return -1;
}

static int run_client(int output)
{
	static struct words words = {.word = {"mett-eagle-client"}, .count = 1};

	if (!read_words("/arguments/client", &words))
		return NO_SERVER;
	pid_t pid = start("/mett-eagle-client", &words, output, -1);
	return pid < 0 ? NO_SERVER : wait_for(pid);
}

static int stop_server(pid_t pid)
{
	kill(pid, SIGTERM);
	int status = wait_for(pid);
	if (status)
		fprintf(stderr, "init: the server ended with status %d\n", status);
	return status;
}

static int run(int output)
{
	pid_t server = start_server();

	if (server < 0)
		return NO_SERVER;
	int status = run_client(output);
	return stop_server(server) && !status ? NO_SERVER : status;
}

static void tell_status(int status)
{
	int line = open_line("/dev/ttyS3");

	if (line < 0)
		return;
	dprintf(line, "%d\n", status);
	tcdrain(line);
	close(line);
}

static void run_and_tell(void)
{
	int output = -1, complaints = -1;
	pid_t copiers[] = {start_copying("/dev/ttyS1", &output),
	                   start_copying("/dev/ttyS2", &complaints)};

	if (copiers[0] < 0 || copiers[1] < 0) {
		fail("open", "serial lines ttyS1 and ttyS2");
		return;
	}
	dup2(complaints, STDERR_FILENO);
	close(complaints);
	int status = NO_SERVER;
	if (prepare_machine() && read_words("/arguments/environment", &environment))
		status = run(output);
	/* With the last writer gone the copiers see the end. */
	close(output);
	close(STDERR_FILENO);
	wait_for(copiers[0]);
	wait_for(copiers[1]);
	tell_status(status);
}

int main(void)
{
	/* Complaints go to the console until there is a line for them. */
	if (enter_mounted_root() && mount_at("devtmpfs", "/dev", MS_NOSUID))
		run_and_tell();
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
