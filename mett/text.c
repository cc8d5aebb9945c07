#include "text.h"

#include "verbs.h"

#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

enum { NEAREST_MAX = 64, MEMORY_LEAST = 64 << 10 };

static int write_error; /* the first of the standard output; 0: none */

void say(const char *format, ...)
{
	va_list args;
	char text[4096];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_flush();
	struct colours colours = text_colours(stderr);
	fprintf(stderr, "%smett:%s ", colours.bad, colours.off);
	/* It can quote what others wrote. */
	text_print(stderr, text, strlen(text));
	fputc('\n', stderr);
}

/* Reasons that lie in the function or in its input, not in what was asked of the server. */
static bool is_functions(enum mett_reason reason)
{
	switch (reason) {
	case METT_CRASHED:
	case METT_EXITED:
	case METT_FAILED:
	case METT_TIMED_OUT:
	case METT_OUT_OF_MEMORY:
	case METT_FORBIDDEN:
	case METT_PROTOCOL:
	case METT_NO_START:
	case METT_DEPTH:
		return true;
	default:
		return false;
	}
}

int say_error(const struct mett_error *error)
{
	say("%s", error->message);
	if (error->reason == METT_GONE)
		return STATUS_UNREACHABLE;
	return is_functions(error->reason) ? STATUS_FAILED : STATUS_REFUSED;
}

void text_flush(void)
{
	if (fflush(stdout) && !write_error)
		write_error = errno;
}

int text_finish(int status)
{
	text_flush();
	if (!write_error && !ferror(stdout))
		return status;
	say("cannot write to the standard output: %s", strerror(write_error ? write_error : EIO));
	return status == STATUS_GOOD ? STATUS_FAILED : status;
}

void *text_need(void *memory)
{
	if (memory)
		return memory;
	fputs("mett: no memory\n", stderr);
	exit(STATUS_REFUSED);
}

void *text_more(void *rows, size_t count, size_t size)
{
	/* It is full when their number is a power of two. */
	if (count & (count - 1))
		return rows;
	return text_need(reallocarray(rows, count ? 2 * count : 1, size));
}

char *text_vformat(const char *format, va_list args)
{
	char *text = NULL;

	return text_need(vasprintf(&text, format, args) < 0 ? NULL : text);
}

char *text_format(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = text_vformat(format, args);
	va_end(args);
	return text;
}

/* Edit distance, with two letters the wrong way round counted as one. */
static unsigned distance(const char *left, const char *right)
{
	unsigned rows[3][NEAREST_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t width = strlen(right);

	for (size_t j = 0; j <= width; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; left[i - 1]; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= width; j++) {
			bool same = left[i - 1] == right[j - 1];
			unsigned best = above[j - 1] + !same;

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && left[i - 1] == right[j - 2] &&
			    left[i - 2] == right[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		unsigned *last = before;
		before = above;
		above = row;
		row = last;
	}
	return above[width];
}

const char *text_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t length = strlen(word);
	unsigned best = length < 3 ? 2 : (unsigned)(length / 3) + 2;

	if (!length || length > NEAREST_MAX)
		return NULL;
	for (; *words; words++) {
		if (strlen(*words) > NEAREST_MAX)
			continue;
		unsigned far = distance(word, *words);
		if (far < best && far < length) {
			best = far;
			nearest = *words;
		}
	}
	return nearest;
}

bool text_ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length > end_length && !strcmp(text + length - end_length, end);
}

struct unit {
	const char *name;
	double factor;
};

/* A decimal number and one of the units. */
static bool to_number(const char *text, const struct unit *units, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789.");
	char *end = (char *)text;

	if (!digits || digits > 20 || *text == '.')
		return false;
	double number = strtod(text, &end);
	if (end != text + digits)
		return false;
	for (; units->name; units++) {
		if (strcmp(units->name, end))
			continue;
		number = round(number * units->factor);
		if (number < 1 || number > 0x1p53)
			return false;
		*ret = (uint64_t)number;
		return true;
	}
	return false;
}

bool text_to_size(const char *text, uint64_t *ret)
{
	static const struct unit units[] = {
		{"", 1},       {"B", 1},        {"K", 0x1p10}, {"KiB", 0x1p10},
		{"M", 0x1p20}, {"MiB", 0x1p20}, {"G", 0x1p30}, {"GiB", 0x1p30},
		{"T", 0x1p40}, {"TiB", 0x1p40}, {0},
	};

	return to_number(text, units, ret);
}

bool text_to_memory(const char *text, uint64_t *ret)
{
	uint64_t size;

	if (!text_to_size(text, &size) || size < MEMORY_LEAST)
		return false;
	*ret = size;
	return true;
}

bool text_to_duration(const char *text, uint64_t *ret_us)
{
	static const struct unit units[] = {
		{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"min", 60e6}, {"h", 3600e6}, {0},
	};

	return to_number(text, units, ret_us);
}

bool text_to_count(const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	char *end = (char *)text;

	errno = 0;
	uint64_t count = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	if (end == text || *end || errno || count < least || count > most)
		return false;
	*ret = count;
	return true;
}

/* Three digits at least, as long as there is something behind the point. */
static const char *with_unit(double number, const char *unit, char buffer[static TEXT_UNIT_MAX])
{
	int places = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;

	if (number == floor(number))
		places = 0;
	snprintf(buffer, TEXT_UNIT_MAX, "%.*f %s", places, number, unit);
	return buffer;
}

const char *text_size(uint64_t bytes, char buffer[static TEXT_UNIT_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double number = (double)bytes;
	unsigned unit = 0;

	while (number >= 1024) {
		number /= 1024;
		unit++;
	}
	return with_unit(number, units[unit], buffer);
}

const char *text_duration(uint64_t ns, char buffer[static TEXT_UNIT_MAX])
{
	if (ns < 1000)
		return with_unit((double)ns, "ns", buffer);
	if (ns < 1000000)
		return with_unit((double)ns / 1e3, "us", buffer);
	if (ns < 1000000000)
		return with_unit((double)ns / 1e6, "ms", buffer);
	if (ns < 120000000000)
		return with_unit((double)ns / 1e9, "s", buffer);
	if (ns < 7200000000000)
		return with_unit((double)ns / 60e9, "min", buffer);
	return with_unit((double)ns / 3600e9, "h", buffer);
}

const char *text_time(uint64_t us, char buffer[static TEXT_UNIT_MAX])
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm parts;

	if (!localtime_r(&seconds, &parts) ||
	    !strftime(buffer, TEXT_UNIT_MAX, "%Y-%m-%d %H:%M:%S", &parts))
		strcpy(buffer, "?");
	return buffer;
}

static const char *const policies[] = {
	[METT_POLICY_DEFAULT] = "default",
	[METT_POLICY_FORK] = "fork",
	[METT_POLICY_SPAWN] = "spawn",
	[METT_POLICY_REUSE] = "reuse",
};

const char *text_policy(enum mett_policy policy)
{
	return (unsigned)policy <= METT_POLICY_REUSE ? policies[policy] : "unknown";
}

bool text_to_policy(const char *text, enum mett_policy *ret)
{
	for (unsigned policy = METT_POLICY_FORK; policy <= METT_POLICY_REUSE; policy++)
		if (!strcmp(text, policies[policy])) {
			*ret = policy;
			return true;
		}
	return false;
}

bool text_to_language(const char *text, enum mett_language *ret)
{
	for (unsigned language = 0; language < METT_LANGUAGE_COUNT; language++)
		if (!strcmp(text, mett_language_name(language))) {
			*ret = language;
			return true;
		}
	return false;
}

struct colours text_colours(FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	if (!isatty(fileno(out)) || (no_color && *no_color) ||
	    (terminal && !strcmp(terminal, "dumb")))
		return (struct colours){"", "", "", "", ""};
	return (struct colours){"\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"};
}

unsigned text_columns(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)))
		return 0;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 80;
	return size.ws_col;
}

/* One character's bytes and columns; what is no character is one of each. */
static size_t step(const char *text, unsigned *columns)
{
	wchar_t character;
	mbstate_t state = {0};
	size_t size = mbrtowc(&character, text, strlen(text), &state);

	if (size == 0 || size > 16) {
		*columns = 1;
		return 1;
	}
	int width = wcwidth(character);
	*columns = width < 0 ? 1 : (unsigned)width;
	return size;
}

unsigned text_width(const char *text)
{
	unsigned width = 0, columns;

	while (*text) {
		text += step(text, &columns);
		width += columns;
	}
	return width;
}

void text_clip(char *text, unsigned columns)
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	const char *ellipsis = utf8 ? "\u2026" : "...";
	unsigned room = utf8 ? 1 : 3, width = 0, next;

	if (text_width(text) <= columns)
		return;
	if (columns < room) {
		ellipsis = "";
		room = 0;
	}
	while (*text) {
		size_t size = step(text, &next);

		if (width + next > columns - room)
			break;
		width += next;
		text += size;
	}
	strcpy(text, ellipsis);
}

void text_print(FILE *out, const char *data, size_t size)
{
	if (!isatty(fileno(out))) {
		fwrite(data, 1, size, out);
		return;
	}
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)data[i];

		if (byte == '\n' || byte == '\t' || (byte >= 0x20 && byte != 0x7f))
			fputc(byte, out);
		else
			fprintf(out, "^%c", byte ^ 0x40);
	}
}
