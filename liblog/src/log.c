#include "config.h"
#include "line.h"
#include "os.h"

#include <liblog/log.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	/* Most that the parts before the message may take; together well below LOG_LINE_MAX. */
	PACKAGE_MOST = 128,
	FILE_MOST = 512,
	FUNCTION_MOST = 256,
	THREAD_MOST = 96,
	/* What is kept free behind the message: the error's description, the newline. */
	TAIL = 128,
	DEFAULT_MASK = LOG_LEVEL_INFO | LOG_LEVEL_WARN | LOG_LEVEL_ERROR | LOG_LEVEL_FATAL,
	ALL_LEVELS = DEFAULT_MASK | LOG_LEVEL_DEBUG,
};

unsigned log_mask = ALL_LEVELS;

static struct {
	enum log_format format;
	bool colour;
	char package[64];
} config;

static pthread_once_t config_once = PTHREAD_ONCE_INIT;

/* ISO 8601, in UTC. */
static void put_time(struct line *line, bool date)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	LINE_FORMAT(line, date ? "{:%FT%H:%M}" : "{:%H:%M}", now);
	LINE_FORMAT(line, ":{:02}.{:06}{}", now.tv_sec % 60, now.tv_nsec / 1000, date ? "Z" : "");
}

static void put_string(struct line *line, const char *text, size_t most)
{
	line_put_text(line, text, strlen(text), most);
}

static void put_package(struct line *line, const struct log_site *site)
{
	const char *fallback = site->package ? site->package : program_invocation_short_name;

	put_string(line, *config.package ? config.package : fallback, PACKAGE_MOST);
}

static void put_level(struct line *line, enum log_level level)
{
	static const struct {
		const char *name, *colour;
	} looks[] = {
		{"FATAL ", "\033[1;31m"}, {"ERROR ", "\033[31m"}, {"WARN  ", "\033[33m"},
		{"INFO  ", "\033[32m"},   {"DEBUG ", "\033[2m"},
	};
	unsigned index = (unsigned)__builtin_ctz(level);

	line_put(line, config.colour ? looks[index].colour : "");
	line_put(line, looks[index].name);
	line_put(line, config.colour ? "\033[0m" : "");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_thread_name(struct line *line)
{
	char name[16];

	os_thread_name(name);
	put_string(line, name, THREAD_MOST);
}

static void put_text_head(struct line *line, const struct log_site *site)
{
	bool verbose = config.format == LOG_FORMAT_VERBOSE;

	put_level(line, site->level);
	put_time(line, verbose);
	line_put(line, " ");
	put_package(line, site);
	if (verbose) {
		LINE_FORMAT(line, "[{}/{} ", getpid(), os_thread_id());
		put_thread_name(line);
		line_put(line, "] ");
	} else {
		LINE_FORMAT(line, "[{}] ", os_thread_id());
	}
	put_string(line, verbose ? site->file : base_name(site->file), FILE_MOST);
	LINE_FORMAT(line, ":{} ", site->line);
	put_string(line, site->function, FUNCTION_MOST);
	line_put(line, "(): ");
}

static void put_text_tail(struct line *line, int code)
{
	const char *what = code ? os_error_text(-code) : NULL;

	if (what)
		LINE_FORMAT(line, ": {}", what);
	else if (code)
		LINE_FORMAT(line, ": error {}", code);
	line_put(line, "\n");
}

static void put_json_head(struct line *line, const struct log_site *site)
{
	line_put(line, "{\"time\":\"");
	put_time(line, true);
	LINE_FORMAT(line, "\",\"level\":\"{}\",\"package\":\"", log_level_name(site->level));
	put_package(line, site);
	LINE_FORMAT(line, "\",\"pid\":{},\"tid\":{},\"thread\":\"", getpid(), os_thread_id());
	put_thread_name(line);
	line_put(line, "\",\"file\":\"");
	put_string(line, site->file, FILE_MOST);
	LINE_FORMAT(line, "\",\"line\":{},\"function\":\"", site->line);
	put_string(line, site->function, FUNCTION_MOST);
	line_put(line, "\",\"message\":\"");
}

static void put_json_tail(struct line *line, int code)
{
	const char *name = os_error_name(-code);

	line_put(line, "\"");
	if (code)
		LINE_FORMAT(line, ",\"code\":{}", code);
	if (code && name)
		LINE_FORMAT(line, ",\"error\":\"{}\"", name);
	line_put(line, "}\n");
}

static void emit(const struct log_site *site, int code, const char *message, size_t size)
{
	struct line line;

	line.length = 0;
	line.json = config.format == LOG_FORMAT_JSON;
	(line.json ? put_json_head : put_text_head)(&line, site);
	line_put_text(&line, message, size, sizeof(line.data) - line.length - TAIL);
	(line.json ? put_json_tail : put_text_tail)(&line, code);
	while (write(STDERR_FILENO, line.data, line.length) < 0 && errno == EINTR)
		;
}

/* The message, or what is wrong with its format; returns its length. */
static size_t format_message(char *text, size_t size, const char *format,
                             const struct fmt_arg *args, size_t count)
{
	int length = fmt_vformat(text, size, format, args, count);

	if (length < 0)
		length = fmt_format(text, size, "cannot format \"{}\": error {}", format, length);
	return (size_t)length < size ? (size_t)length : line_clip(text, size);
}

static void emit_format(const struct log_site *site, int code, const char *format,
                        const struct fmt_arg *args, size_t count)
{
	char message[LOG_LINE_MAX];

	emit(site, code, message, format_message(message, sizeof(message), format, args, count));
}

/* Not log_error(): that would wait for the reading of the environment, which this is part of. */
static void report_broken(const char *name, const char *value, const char *instead)
{
	static const struct log_site site = LOG_SITE_INIT(LOG_LEVEL_ERROR);

	if (log_enabled(LOG_LEVEL_ERROR))
		emit_format(&site, 0, "{}='{}' makes no sense and is ignored; use {}",
		            FMT_ARGS(name, value, instead));
}

static void read_environment(void)
{
	const char *level = getenv("LOG_LEVEL"), *format = getenv("LOG_FORMAT");
	const char *package = getenv("PKGNAME"), *no_colour = getenv("NO_COLOR");
	unsigned mask = DEFAULT_MASK;
	bool broken_level = level && *level && log_parse_mask(level, &mask) < 0;
	bool broken_format = format && *format && log_parse_format(format, &config.format) < 0;

	fmt_format(config.package, sizeof(config.package), "{}", package ? package : "");
	config.colour = (!no_colour || !*no_colour) && isatty(STDERR_FILENO);
	__atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
	if (broken_level)
		report_broken("LOG_LEVEL", level,
		              "debug, info, warn, error, fatal, none or a mask as 0b01111");
	if (broken_format)
		report_broken("LOG_FORMAT", format, "clean, verbose or json");
}

int log_set_mask(unsigned mask)
{
	if (mask & ~(unsigned)ALL_LEVELS)
		return -EINVAL;
	pthread_once(&config_once, read_environment);
	__atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
	return 0;
}

void log_write(const struct log_site *site, int code, const char *format,
               const struct fmt_arg *args, size_t count)
{
	int saved_errno = errno;

	pthread_once(&config_once, read_environment);
	if (log_enabled(site->level))
		emit_format(site, code, format, args, count);
	errno = saved_errno;
}

int log_error_set(struct log_error *error, const struct log_site *site, int code,
                  const char *format, const struct fmt_arg *args, size_t count)
{
	char message[LOG_ERROR_MESSAGE_MAX];

	if (!error)
		return code;
	size_t length = format_message(message, sizeof(message), format, args, count);
	memcpy(error->message, message, length + 1);
	error->code = code;
	error->site = site;
	return code;
}

void log_raised(const struct log_error *error)
{
	if (error->code)
		log_write(error->site, error->code, "{}", FMT_ARGS(error->message));
}
