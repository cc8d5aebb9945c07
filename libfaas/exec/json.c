#include "json.h"

#include <string.h>

struct scan {
	const char *at, *end;
	unsigned depth;
	struct json_part error;
};

static bool scan_value(struct scan *scan);

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4))
		scan->at++;
}

static bool take(struct scan *scan, char c)
{
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static bool take_word(struct scan *scan, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length))
		return false;
	scan->at += length;
	return true;
}

static bool take_digits(struct scan *scan)
{
	const char *begin = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > begin;
}

static bool scan_number(struct scan *scan)
{
	take(scan, '-');
	if (!take(scan, '0') && !take_digits(scan))
		return false;
	if (take(scan, '.') && !take_digits(scan))
		return false;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			take(scan, '-');
		return take_digits(scan);
	}
	return true;
}

static bool scan_escape(struct scan *scan)
{
	if (!take(scan, 'u')) {
		if (scan->at == scan->end || !memchr("\"\\/bfnrt", *scan->at, 8))
			return false;
		scan->at++;
		return true;
	}
	for (int i = 0; i < 4; i++, scan->at++)
		if (scan->at == scan->end || !memchr("0123456789abcdefABCDEF", *scan->at, 22))
			return false;
	return true;
}

static bool scan_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	while (scan->at < scan->end) {
		unsigned char c = (unsigned char)*scan->at++;

		if (c == '"')
			return true;
		if (c < ' ' || (c == '\\' && !scan_escape(scan)))
			return false;
	}
	return false;
}

static bool scan_member(struct scan *scan)
{
	const char *key = scan->at;

	if (!scan_string(scan))
		return false;
	bool error = scan->depth == 1 && scan->at - key == 7 && !memcmp(key, "\"error\"", 7);
	skip_blanks(scan);
	if (!take(scan, ':'))
		return false;
	skip_blanks(scan);
	const char *value = scan->at;
	if (!scan_value(scan))
		return false;
	if (error)
		scan->error = (struct json_part){value, (size_t)(scan->at - value)};
	return true;
}

/* What is between brackets, the first of which is taken. */
static bool scan_items(struct scan *scan, char last, bool (*item)(struct scan *))
{
	if (++scan->depth > JSON_DEPTH_MAX)
		return false;
	skip_blanks(scan);
	if (!take(scan, last))
		for (;;) {
			skip_blanks(scan);
			if (!item(scan))
				return false;
			skip_blanks(scan);
			if (take(scan, last))
				break;
			if (!take(scan, ','))
				return false;
		}
	scan->depth--;
	return true;
}

static bool scan_value(struct scan *scan)
{
	if (take(scan, '{'))
		return scan_items(scan, '}', scan_member);
	if (take(scan, '['))
		return scan_items(scan, ']', scan_value);
	if (scan->at < scan->end && *scan->at == '"')
		return scan_string(scan);
	return take_word(scan, "true") || take_word(scan, "false") || take_word(scan, "null") ||
	       scan_number(scan);
}

enum json_kind json_look(const char *text, size_t size, struct json_part *ret_error)
{
	struct scan scan = {.at = text, .end = text + size};

	skip_blanks(&scan);
	bool object = scan.at < scan.end && *scan.at == '{';
	if (!scan_value(&scan))
		return JSON_NONE;
	skip_blanks(&scan);
	if (scan.at != scan.end)
		return JSON_NONE;
	if (ret_error)
		*ret_error = scan.error;
	return object ? JSON_OBJECT : JSON_OTHER;
}
