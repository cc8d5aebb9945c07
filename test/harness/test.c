#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_FAILED = 90,
	STATUS_SKIPPED,
	STATUS_LEAKED,
	TIMEOUT_DEFAULT_S = 60,
	SANITIZED_FACTOR = 4, /* a sanitizer takes its time, on a busy machine more so */
};

extern const struct test __start_mett_tests[], __stop_mett_tests[];

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "# %s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(STATUS_FAILED);
}

/* The reason goes to stdout: TAP wants it on the line of the test. */
void test_skip(const char *format, ...)
{
	va_list args;

	fputs("# SKIP ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fputc('\n', stdout);
	fflush(stdout);
	_exit(STATUS_SKIPPED);
}

static int count_fds(void)
{
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void list_fds(void)
{
	char path[64], target[256];

	for (int fd = 3; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = 0;
		fprintf(stderr, "# open: %d -> %s\n", fd, target);
	}
}

static void child_main(const struct test *test)
{
	/* The watchdog of the parent must reach all that a test starts. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int before = count_fds();
	test->run();
	int after = count_fds();
	if (after != before) {
		fprintf(stderr, "# %d file descriptors before, %d after\n", before, after);
		list_fds();
		_exit(STATUS_LEAKED);
	}
	/* exit, not _exit: the leak checker of the address sanitizer runs then. */
	exit(0);
}

static pid_t current;

static void on_alarm(int sig)
{
	kill(-current, SIGKILL);
}

/* Text a test prints on stdout becomes a TAP comment, and so does not spoil the plan. */
static void relay(int fd, char *skip_reason, size_t size)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	while (in && getline(&line, &room, in) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "# SKIP ", 7))
			snprintf(skip_reason, size, "%s", line + 7);
		else
			printf("# %s\n", line);
	}
	free(line);
	if (in)
		fclose(in);
}

static bool run_one(const struct test *test, unsigned number)
{
	unsigned timeout_s = (test->timeout_s ? test->timeout_s : TIMEOUT_DEFAULT_S) *
	                     (SANITIZED ? SANITIZED_FACTOR : 1);
	char skip_reason[512] = "";
	int out[2], status;

	fflush(stdout);
	if (pipe(out) < 0) {
		perror("pipe");
		exit(1);
	}
	current = fork();
	if (current < 0) {
		perror("fork");
		exit(1);
	}
	if (current == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		child_main(test);
	}
	close(out[1]);
	setpgid(current, current);
	alarm(timeout_s);
	relay(out[0], skip_reason, sizeof(skip_reason));
	while (waitpid(current, &status, 0) < 0 && errno == EINTR)
		;
	bool timed_out = alarm(0) == 0;
	kill(-current, SIGKILL);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("ok %u - %s\n", number, test->name);
		return true;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED) {
		printf("ok %u - %s # SKIP %s\n", number, test->name, skip_reason);
		return true;
	}
	if (timed_out)
		printf("# no end after %u s\n", timeout_s);
	else if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	else
		printf("# exit status %d\n", WEXITSTATUS(status));
	printf("not ok %u - %s\n", number, test->name);
	return false;
}

static bool wanted(const struct test *test, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], test->name))
			return true;
	return argc == 1;
}

static int by_line(const void *a, const void *b)
{
	const struct test *const *left = a, *const *right = b;

	return (*left)->line < (*right)->line ? -1 : (*left)->line > (*right)->line;
}

int main(int argc, char **argv)
{
	size_t count = (size_t)(__stop_mett_tests - __start_mett_tests), chosen = 0;
	const struct test **tests = calloc(count + 1, sizeof(*tests));
	unsigned failed = 0;

	for (size_t i = 0; i < count; i++)
		if (wanted(&__start_mett_tests[i], argc, argv))
			tests[chosen++] = &__start_mett_tests[i];
	if (!tests) {
		perror("calloc");
		return 1;
	}
	if (!chosen) {
		fprintf(stderr, "no test of that name\n");
		return 2;
	}
	qsort(tests, chosen, sizeof(*tests), by_line);
	signal(SIGALRM, on_alarm);
	printf("1..%zu\n", chosen);
	for (size_t i = 0; i < chosen; i++)
		if (!run_one(tests[i], (unsigned)i + 1))
			failed++;
	free(tests);
	return failed ? 1 : 0;
}
