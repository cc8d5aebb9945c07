#define LOG_PACKAGE "pack"
#include <liblog/log.h>

#include "test-capture.h"
#include "test.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static char text[65536];

/* Each test is a process of its own, so each reads the environment anew. */
static void set_environment(const char *level, const char *format, const char *package)
{
	unsetenv("NO_COLOR");
	level ? setenv("LOG_LEVEL", level, 1) : unsetenv("LOG_LEVEL");
	format ? setenv("LOG_FORMAT", format, 1) : unsetenv("LOG_FORMAT");
	package ? setenv("PKGNAME", package, 1) : unsetenv("PKGNAME");
}

static bool matches(const char *pattern)
{
	regex_t regex;

	CHECK_EQ(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
	bool found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	if (!found)
		fprintf(stderr, "# no %s\n# in %s\n", pattern, text);
	return found;
}

static int count(const char *what)
{
	int found = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		found++;
	return found;
}

static void log_all_levels(void)
{
	log_debug("message");
	log_info("message");
	log_warn("message");
	log_error("message");
	log_fatal("message");
}

static void expect_levels(const char *levels)
{
	static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

	capture_begin();
	log_all_levels();
	capture_end(text, sizeof(text));
	for (size_t i = 0; i < 5; i++)
		CHECK_EQ(count(names[i]), levels[i] == '1');
	CHECK_EQ(count("\n"), count("message"));
}

TEST(default_is_info_and_above)
{
	set_environment(NULL, NULL, NULL);
	expect_levels("01111");
}

TEST(mask_in_the_environment)
{
	set_environment("0b10010", NULL, NULL);
	expect_levels("10010");
}

TEST(name_in_the_environment)
{
	set_environment("error", NULL, NULL);
	expect_levels("00011");
}

TEST(empty_is_unset)
{
	set_environment("", "", "");
	expect_levels("01111");
	CHECK(matches("^FATAL .* pack\\["));
}

TEST(masks_can_be_set)
{
	set_environment("0b00001", NULL, NULL);
	CHECK_EQ(log_set_mask(32), -EINVAL);
	for (unsigned mask = 0; mask < 32; mask++) {
		char levels[6];
		for (int i = 0; i < 5; i++)
			levels[i] = mask >> (4 - i) & 1 ? '1' : '0';
		CHECK_EQ(log_set_mask(mask), 0);
		CHECK_EQ(log_enabled(LOG_LEVEL_DEBUG), mask >> 4);
		expect_levels(levels);
	}
}

static int evaluated;

static int evaluate(void)
{
	return ++evaluated;
}

TEST(disabled_arguments_are_not_evaluated)
{
	set_environment("warn", NULL, NULL);
	capture_begin();
	log_warn("{}", evaluate());
	log_info("{}", evaluate());
	log_debug("{}", evaluate());
	capture_end(text, sizeof(text));
	CHECK_EQ(evaluated, 1);
}

TEST(broken_values_are_reported_once)
{
	set_environment("loud", "xml\033", NULL);
	capture_begin();
	log_debug("message");
	log_info("message");
	capture_end(text, sizeof(text));
	CHECK(matches("^ERROR .*: LOG_LEVEL='loud' makes no sense"));
	CHECK(matches("^ERROR .*: LOG_FORMAT='xml\\\\x1b' makes no sense"));
	CHECK_EQ(count("\n"), 3);
	expect_levels("01111");
}

TEST(none_is_silent)
{
	set_environment("none", "xml", NULL);
	capture_begin();
	log_all_levels();
	CHECK_EQ(capture_end(text, sizeof(text)), 0);
}

TEST(clean_shows_all_there_is_to_know)
{
	set_environment(NULL, NULL, NULL);
	capture_begin();
	log_info("{} of {:>3}", 1, "x");
	int line = __LINE__ - 1;
	capture_end(text, sizeof(text));
	char pattern[256];
	snprintf(pattern, sizeof(pattern),
	         "^INFO  [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6} pack\\[%d\\] "
	         "test-log\\.c:%d test_run_[a-z_]+\\(\\): 1 of   x$",
	         gettid(), line);
	CHECK(matches(pattern));
}

TEST(verbose_shows_more)
{
	set_environment(NULL, "verbose", NULL);
	prctl(PR_SET_NAME, "th\nread");
	capture_begin();
	log_error("message");
	capture_end(text, sizeof(text));
	char pattern[256];
	snprintf(pattern, sizeof(pattern),
	         "^ERROR [0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z"
	         " pack\\[%d/%d th\\\\nread\\] .*/test-log\\.c:[0-9]+ test_run_[a-z_]+\\(\\): "
	         "message$",
	         getpid(), gettid());
	CHECK(matches(pattern));
	CHECK_EQ(count("\n"), 1);
}

TEST(time_is_utc)
{
	char date[64];

	set_environment(NULL, "verbose", NULL);
	setenv("TZ", "XYZ-7", 1);
	for (int tries = 0; tries < 3; tries++) {
		struct timespec now; /* not from time(): that lags by up to a tick */

		clock_gettime(CLOCK_REALTIME, &now);
		capture_begin();
		log_info("message");
		capture_end(text, sizeof(text));
		strftime(date, sizeof(date), "INFO  %Y-%m-%dT%H:%M:%S.", gmtime(&now.tv_sec));
		if (count(date) == 1)
			return;
	}
	CHECK_STR(text, date);
}

TEST(pkgname_overrides)
{
	set_environment(NULL, NULL, "my\npackage");
	capture_begin();
	log_info("message");
	capture_end(text, sizeof(text));
	CHECK(matches(" my\\\\npackage\\["));
	CHECK_EQ(count("\n"), 1);
}

TEST(program_is_the_last_resort_for_a_name)
{
	static const struct log_site site = {NULL, "file.c", "function", 7, LOG_LEVEL_INFO};

	set_environment(NULL, NULL, NULL);
	capture_begin();
	log_write(&site, 0, "message", NULL, 0);
	capture_end(text, sizeof(text));
	CHECK(matches(" test-log-log\\[[0-9]+\\] file\\.c:7 function\\(\\): message$"));
}

TEST(hostile_text_stays_on_its_line)
{
	set_environment(NULL, NULL, NULL);
	capture_begin();
	log_info("{}", "x\nERROR 00:00:00 forged\r\033[2J\x9b\xc2\x9b");
	capture_end(text, sizeof(text));
	CHECK_EQ(count("\n"), 1);
	CHECK(matches(": x\\\\nERROR 00:00:00 forged\\\\r\\\\x1b\\[2J\\\\x9b\\\\u009b$"));
}

/* A message is all there, or there is a mark; neither the line nor its end suffers. */
static bool log_of_size(size_t size)
{
	static char message[3 * LOG_LINE_MAX];

	memset(message, 'x', sizeof(message));
	capture_begin();
	log_info("{}", fmt_bytes(message, size));
	size_t length = capture_end(text, sizeof(text));
	CHECK(length <= LOG_LINE_MAX);
	CHECK_EQ(text[length - 1], '\n');
	CHECK_EQ(count("\n"), 1);
	size_t shown = strspn(strchr(text, 'x'), "x");
	CHECK_EQ(count("x[...]"), shown < size);
	CHECK(shown == size || shown > LOG_LINE_MAX - 500);
	return shown == size;
}

static void expect_cuts(const char *format)
{
	bool whole = true;

	set_environment(NULL, format, NULL);
	for (size_t size = LOG_LINE_MAX - 500; size < LOG_LINE_MAX + 50; size++) {
		CHECK(whole || !log_of_size(size));
		whole = whole && log_of_size(size);
	}
	CHECK(!whole);
	CHECK(!log_of_size(3 * LOG_LINE_MAX));
}

TEST(long_messages_are_cut_clean)
{
	expect_cuts("clean");
}

TEST(long_messages_are_cut_verbose)
{
	expect_cuts("verbose");
}

TEST(long_messages_are_cut_json)
{
	expect_cuts("json");
}

TEST(wrong_formats_are_shown)
{
	set_environment(NULL, NULL, NULL);
	capture_begin();
	log_info("{} {:q}", 1, 2);
	capture_end(text, sizeof(text));
	CHECK(matches("cannot format \"\\{\\} \\{:q\\}\": error -22$"));
}

TEST(errno_is_kept)
{
	int broken = open("/dev/null", O_RDONLY | O_CLOEXEC), saved = dup(STDERR_FILENO);

	set_environment("loud", NULL, NULL);
	CHECK(broken >= 0 && saved >= 0);
	CHECK(dup2(broken, STDERR_FILENO) == STDERR_FILENO);
	errno = EXDEV;
	log_info("cannot be written");
	int after = errno;
	dup2(saved, STDERR_FILENO);
	close(broken);
	close(saved);
	CHECK_EQ(after, EXDEV);
}

/* Logs one message with stderr on a new terminal, and counts the escapes. */
static int escapes_on_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	int saved = dup(STDERR_FILENO);
	CHECK(terminal >= 0 && dup2(terminal, STDERR_FILENO) == STDERR_FILENO);
	log_error("coloured");
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t length = read(master, text, sizeof(text) - 1);
	close(terminal);
	close(master);
	CHECK(length > 0);
	text[length] = 0;
	CHECK_EQ(count("coloured"), 1);
	return count("\033");
}

TEST(terminal_gets_colour)
{
	set_environment(NULL, NULL, NULL);
	CHECK_EQ(escapes_on_terminal(), 2);
	CHECK(matches("^\033\\[31mERROR \033\\[0m"));
}

TEST(empty_no_color_is_unset)
{
	set_environment(NULL, NULL, NULL);
	setenv("NO_COLOR", "", 1);
	CHECK_EQ(escapes_on_terminal(), 2);
}

TEST(no_color_means_none)
{
	set_environment(NULL, NULL, NULL);
	setenv("NO_COLOR", "1", 1);
	CHECK_EQ(escapes_on_terminal(), 0);
}

TEST(json_has_no_colour)
{
	set_environment(NULL, "json", NULL);
	CHECK_EQ(escapes_on_terminal(), 0);
	CHECK(matches("^\\{\"time\""));
}

TEST(file_gets_no_colour)
{
	set_environment(NULL, NULL, NULL);
	capture_begin();
	log_error("message");
	capture_end(text, sizeof(text));
	CHECK_EQ(count("\033"), 0);
	CHECK_EQ(count("message"), 1);
}

TEST(error_remembers_where_it_was_raised)
{
	struct log_error error = {0};

	set_environment(NULL, NULL, NULL);
	capture_begin();
	log_raised(&error);
	int code = log_error_raise(&error, -ENOENT, "no action '{}'", "thumb");
	int line = __LINE__ - 1;
	CHECK_EQ(capture_end(text, sizeof(text)), 0);
	CHECK_EQ(code, -ENOENT);
	CHECK_EQ(error.code, -ENOENT);
	CHECK_STR(error.message, "no action 'thumb'");

	capture_begin();
	log_raised(&error);
	capture_end(text, sizeof(text));
	char pattern[256];
	snprintf(pattern, sizeof(pattern),
	         "^ERROR .* pack\\[[0-9]+\\] test-log\\.c:%d test_run_[a-z_]+\\(\\): "
	         "no action 'thumb': No such file or directory$",
	         line);
	CHECK(matches(pattern));
}

TEST(error_may_quote_itself)
{
	struct log_error error = {0};

	log_error_raise(&error, -EIO, "inner");
	CHECK_EQ(log_error_raise(&error, -EINVAL, "outer: {}", error.message), -EINVAL);
	CHECK_STR(error.message, "outer: inner");
	CHECK_EQ(log_error_raise(NULL, -EIO, "dropped"), -EIO);
}

TEST(long_errors_are_cut)
{
	struct log_error error = {0};
	char message[2 * LOG_ERROR_MESSAGE_MAX];

	memset(message, 'x', sizeof(message));
	log_error_raise(&error, -EIO, "{}", fmt_bytes(message, LOG_ERROR_MESSAGE_MAX - 1));
	CHECK_EQ(strlen(error.message), LOG_ERROR_MESSAGE_MAX - 1);
	CHECK(!strstr(error.message, "[...]"));
	log_error_raise(&error, -EIO, "{}", fmt_bytes(message, LOG_ERROR_MESSAGE_MAX));
	CHECK_EQ(strlen(error.message), LOG_ERROR_MESSAGE_MAX - 1);
	CHECK(strstr(error.message, "x[...]"));
}

TEST(checks_log_failures_only)
{
	set_environment(NULL, NULL, NULL);
	capture_begin();
	int good = LOG_CHECK(evaluate(), "not logged");
	int fd = LOG_CHECK_ERRNO(open("/nonexistent/file", O_RDONLY | O_CLOEXEC), "open {}", 1);
	int own = LOG_CHECK(-EMSGSIZE, "message {}", 2);
	int thread = LOG_CHECK_PTHREAD(EDEADLK, "join {}", 3);
	int fine = LOG_CHECK_PTHREAD(0, "not logged");
	long unknown = LOG_CHECK(-4000L, "unknown");
	capture_end(text, sizeof(text));
	CHECK_EQ(good, 1);
	CHECK_EQ(fd, -ENOENT);
	CHECK_EQ(own, -EMSGSIZE);
	CHECK_EQ(thread, -EDEADLK);
	CHECK_EQ(fine, 0);
	CHECK_EQ(unknown, -4000);
	CHECK(matches("^ERROR .*: open 1: No such file or directory$"));
	CHECK(matches("^ERROR .*: message 2: Message too long$"));
	CHECK(matches("^ERROR .*: join 3: Resource deadlock avoided$"));
	CHECK(matches("^ERROR .*: unknown: error -4000$"));
	CHECK_EQ(count("\n"), 4);
}
