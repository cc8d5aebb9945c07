#include "config.h"

#include <liblog/log.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* By bit: fatal is the lowest. */
static const char *const levels[] = {"fatal", "error", "warn", "info", "debug"};
static const char *const formats[] = {"clean", "verbose", "json"};

enum { LEVELS = sizeof(levels) / sizeof(*levels), FORMATS = sizeof(formats) / sizeof(*formats) };

static int parse_number(const char *text, unsigned *ret)
{
	int base = !strncasecmp(text, "0b", 2) ? 2 : !strncasecmp(text, "0x", 2) ? 16 : 10;
	const char *digits = base == 10 ? text : text + 2;
	char *end;

	/* strtoul() would take signs, blanks and a second prefix. */
	if (!isxdigit((unsigned char)*digits) || strpbrk(digits, "xX"))
		return -EINVAL;
	unsigned long value = strtoul(digits, &end, base);
	if (*end || value >= 1u << LEVELS)
		return -EINVAL;
	*ret = (unsigned)value;
	return 0;
}

int log_parse_mask(const char *text, unsigned *ret)
{
	if (!strcasecmp(text, "none")) {
		*ret = 0;
		return 0;
	}
	for (unsigned i = 0; i < LEVELS; i++) {
		if (!strcasecmp(text, levels[i])) {
			*ret = (2u << i) - 1;
			return 0;
		}
	}
	return parse_number(text, ret);
}

int log_parse_format(const char *text, enum log_format *ret)
{
	for (unsigned i = 0; i < FORMATS; i++) {
		if (!strcasecmp(text, formats[i])) {
			*ret = (enum log_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(unsigned level)
{
	return levels[__builtin_ctz(level)];
}
