#pragma once

/*
 * Logging to stderr. Each message is one line and one write(2), so processes
 * that share a log do not mix their lines.
 *
 *	log_info("{} clients on {} cores", clients, cores);
 *
 * Format strings are libfmt's. What is below the level costs one branch, and its
 * arguments are not evaluated. Nothing here allocates, and errno is left as it
 * was. All functions may be called from any thread; they block as long as
 * write(2) to stderr does.
 *
 * The environment is read at the first message:
 *
 *	LOG_LEVEL   debug, info, warn, error, fatal or none; or a mask of LOG_LEVEL_*
 *	            as 0b01111, 15 or 0xf. Default: info.
 *	LOG_FORMAT  clean, verbose or json. Default: clean.
 *	PKGNAME     name of the package. Default: LOG_PACKAGE, else the program's name.
 *	NO_COLOR    no colours, if not empty. There are none without a terminal anyway.
 *
 * A LOG_LEVEL or LOG_FORMAT that makes no sense is reported once, as an error.
 */
#include <errno.h>
#include <libfmt/fmt.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum log_level {
	LOG_LEVEL_FATAL = 1 << 0,
	LOG_LEVEL_ERROR = 1 << 1,
	LOG_LEVEL_WARN = 1 << 2,
	LOG_LEVEL_INFO = 1 << 3,
	LOG_LEVEL_DEBUG = 1 << 4,
};

enum {
	/* Longest line, with its newline: what a pipe takes in one piece (PIPE_BUF). */
	LOG_LINE_MAX = 4096,
	/* Room for the message in a log_error, with its terminating NUL. */
	LOG_ERROR_MESSAGE_MAX = 256,
};

/* Name of the package whose source this is: a string, or NULL for the program's name. */
#ifndef LOG_PACKAGE
#define LOG_PACKAGE NULL
#endif

/* A place in the source. Must live as long as the program, as the macros' static ones do. */
struct log_site {
	const char *package; /* may be NULL */
	const char *file;
	const char *function;
	int line;
	enum log_level level;
};

/* Levels that are logged; all until the environment was read. Change with log_set_mask(). */
extern unsigned log_mask;

/** log_enabled() - would a message of this level be logged? Has false positives until the first. */
static inline bool log_enabled(enum log_level level)
{
	return __builtin_expect(__atomic_load_n(&log_mask, __ATOMIC_RELAXED) & (unsigned)level, 0);
}

/**
 * log_set_mask() - log these levels from now on, whatever the environment says
 * @mask: LOG_LEVEL_*, or'ed; 0 for none
 *
 * Return: 0, or -EINVAL (a bit that is no level).
 */
int log_set_mask(unsigned mask);

/**
 * log_write() - log one message; what the macros below call
 * @site:   where it comes from, and its level
 * @code:   negative errno to describe after the message, or 0
 * @format: libfmt format; if it is wrong, the message says so and shows it
 * @args:   captured arguments, see FMT_ARGS()
 * @count:  number of @args
 *
 * Control characters and broken UTF-8 in the message are escaped. A message that
 * does not fit LOG_LINE_MAX is cut and ends in "[...]". A line that cannot be
 * written is lost.
 */
__attribute__((cold)) void log_write(const struct log_site *site, int code, const char *format,
                                     const struct fmt_arg *args, size_t count);

#define LOG_SITE_INIT(level_)                                                                      \
	{                                                                                          \
		LOG_PACKAGE, __FILE__, __func__, __LINE__, (level_)                                \
	}

#define LOG_WRITE(level_, code_, format_, ...)                                                     \
	do {                                                                                       \
		if (log_enabled(level_)) {                                                         \
			static const struct log_site log_site_ = LOG_SITE_INIT(level_);            \
			log_write(&log_site_, (code_), (format_), FMT_ARGS(__VA_ARGS__));          \
		}                                                                                  \
	} while (0)

/* log_<level>("format", arguments...): log_fatal() only logs, it does not exit. */
#define log_debug(...) LOG_WRITE(LOG_LEVEL_DEBUG, 0, __VA_ARGS__)
#define log_info(...)  LOG_WRITE(LOG_LEVEL_INFO, 0, __VA_ARGS__)
#define log_warn(...)  LOG_WRITE(LOG_LEVEL_WARN, 0, __VA_ARGS__)
#define log_error(...) LOG_WRITE(LOG_LEVEL_ERROR, 0, __VA_ARGS__)
#define log_fatal(...) LOG_WRITE(LOG_LEVEL_FATAL, 0, __VA_ARGS__)

/*
 * LOG_CHECK*(expression, "format", arguments...): the expression's value, once
 * evaluated. If it is a failure, an error is logged that ends in what the errno
 * means, and the value is the negative errno.
 *
 *	int fd = LOG_CHECK_ERRNO(open(path, O_RDONLY | O_CLOEXEC), "cannot open {}", path);
 *	if (fd < 0)
 *		return fd;
 *
 * LOG_CHECK          the expression fails with a negative errno, as our own functions do
 * LOG_CHECK_ERRNO    it fails with a negative value and sets errno, as system calls do
 * LOG_CHECK_PTHREAD  it fails with a positive errno, as pthread_*() do
 */
#define LOG_CHECK(expression_, ...)                                                                \
	__extension__({                                                                            \
		__auto_type log_value_ = (expression_);                                            \
		if (log_value_ < 0)                                                                \
			LOG_WRITE(LOG_LEVEL_ERROR, (int)log_value_, __VA_ARGS__);                  \
		log_value_;                                                                        \
	})
#define LOG_CHECK_ERRNO(expression_, ...)                                                          \
	__extension__({                                                                            \
		__auto_type log_result_ = (expression_);                                           \
		LOG_CHECK(log_result_ < 0 ? -errno : log_result_, __VA_ARGS__);                    \
	})
#define LOG_CHECK_PTHREAD(expression_, ...) LOG_CHECK(-(expression_), __VA_ARGS__)

/* An error that remembers where it was raised. {0} means no error. */
struct log_error {
	int code; /* negative errno */
	const struct log_site *site;
	char message[LOG_ERROR_MESSAGE_MAX]; /* not escaped; cut with "[...]" if too long */
};

/**
 * log_error_set() - fill in an error; what log_error_raise() calls
 * @error: memory for the error, or NULL to drop it
 * @site:  where it was raised; kept
 * @code:  negative errno
 *
 * The arguments of the format may point into @error. See log_write() for the others.
 *
 * Return: @code.
 */
__attribute__((cold)) int log_error_set(struct log_error *error, const struct log_site *site,
                                        int code, const char *format, const struct fmt_arg *args,
                                        size_t count);

/* return log_error_raise(&error, -ENOENT, "no action '{}'", name); logs nothing. */
#define log_error_raise(error_, code_, format_, ...)                                               \
	__extension__({                                                                            \
		static const struct log_site log_site_ = LOG_SITE_INIT(LOG_LEVEL_ERROR);           \
		log_error_set((error_), &log_site_, (code_), (format_), FMT_ARGS(__VA_ARGS__));    \
	})

/** log_raised() - log an error, with the place where it was raised; nothing if there is none */
void log_raised(const struct log_error *error);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
