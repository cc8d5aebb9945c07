#include <liblog/log.h>

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROCESSES = 8,
	MESSAGES = 200,
};

/* Messages of one process are of its letter alone, with a full stop at the end. */
static void log_letters(char letter)
{
	char message[LOG_LINE_MAX];

	memset(message, letter, sizeof(message));
	for (size_t i = 0; i < MESSAGES; i++) {
		size_t size = i % 4 ? i * 37 % 600 : LOG_LINE_MAX - 450 + i;
		log_info("<{}{}>", letter, fmt_bytes(message, size));
	}
}

static void start_writers(int fd, pid_t *pids)
{
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			dup2(fd, STDERR_FILENO);
			log_letters((char)('a' + i));
			_exit(0);
		}
	}
}

static void wait_for_writers(const pid_t *pids)
{
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

/* A line is whole if it has one head, and one message of one letter. */
static bool is_whole(const char *line)
{
	const char *start = strstr(line, "(): <");

	if (strncmp(line, "INFO  ", 6) || !start)
		return false;
	start += strlen("(): <");
	return *start >= 'a' && *start < 'a' + PROCESSES &&
	       !strcmp(start + strspn(start, (char[]){*start, 0}), ">\n");
}

static void expect_whole_lines(FILE *log)
{
	char line[LOG_LINE_MAX + 2];
	int lines = 0;

	while (fgets(line, sizeof(line), log)) {
		if (!is_whole(line))
			test_fail(__FILE__, __LINE__, "mixed: %.200s", line);
		lines++;
	}
	CHECK_EQ(lines, PROCESSES * MESSAGES);
}

TEST(judge_can_say_no)
{
	CHECK(is_whole("INFO  1 f(): <aaa>\n"));
	CHECK(!is_whole("INFO  1 f(): <aaba>\n"));
	CHECK(!is_whole("INFO  1 f(): <aaa"));
	CHECK(!is_whole("INFO  1 f(): <aaINFO  1 f(): <bb>\n"));
	CHECK(!is_whole("aa>\n"));
}

TEST(processes_share_a_pipe)
{
	pid_t pids[PROCESSES];
	int ends[2];

	setenv("LOG_LEVEL", "info", 1);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	start_writers(ends[1], pids);
	close(ends[1]);
	FILE *log = fdopen(ends[0], "r");
	CHECK(log);
	expect_whole_lines(log);
	fclose(log);
	wait_for_writers(pids);
}

/* Not a memfd: writers through one description take turns on regular files only. */
static int open_file(int flags)
{
	char path[] = "/tmp/test-log-XXXXXX";
	int file = mkostemp(path, O_CLOEXEC | flags);

	CHECK(file >= 0);
	unlink(path);
	return file;
}

static void share_file(int flags)
{
	pid_t pids[PROCESSES];
	int file = open_file(flags);

	setenv("LOG_LEVEL", "info", 1);
	start_writers(file, pids);
	wait_for_writers(pids);
	lseek(file, 0, SEEK_SET);
	FILE *log = fdopen(file, "r");
	CHECK(log);
	expect_whole_lines(log);
	fclose(log);
}

TEST(processes_share_an_open_file)
{
	share_file(0);
}

TEST(processes_share_an_appended_file)
{
	share_file(O_APPEND);
}

static void *log_thread(void *argument)
{
	log_letters(*(char *)argument);
	return NULL;
}

TEST(threads_share_a_file)
{
	char letters[PROCESSES];
	pthread_t threads[PROCESSES];
	int saved = dup(STDERR_FILENO), file = open_file(0);

	setenv("LOG_LEVEL", "info", 1);
	CHECK(saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
	for (int i = 0; i < PROCESSES; i++) {
		letters[i] = (char)('a' + i);
		CHECK_EQ(pthread_create(&threads[i], NULL, log_thread, &letters[i]), 0);
	}
	for (int i = 0; i < PROCESSES; i++)
		pthread_join(threads[i], NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	lseek(file, 0, SEEK_SET);
	FILE *log = fdopen(file, "r");
	CHECK(log);
	expect_whole_lines(log);
	fclose(log);
}
