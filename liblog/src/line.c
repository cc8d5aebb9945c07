#include "line.h"

#include <stdint.h>
#include <string.h>

enum { UNIT_MAX = 8 };

static bool put_bytes(struct line *line, const char *bytes, size_t size, size_t end)
{
	if (line->length + size > end)
		return false;
	memcpy(line->data + line->length, bytes, size);
	line->length += size;
	return true;
}

void line_put(struct line *line, const char *text)
{
	put_bytes(line, text, strlen(text), sizeof(line->data));
}

void line_put_format(struct line *line, const char *format, const struct fmt_arg *args,
                     size_t count)
{
	char text[256];
	int length = fmt_vformat(text, sizeof(text), format, args, count);

	if (length > 0 && (size_t)length < sizeof(text))
		put_bytes(line, text, (size_t)length, sizeof(line->data));
}

/* Length of the well-formed UTF-8 sequence at @text, or 0. */
static size_t decode(const unsigned char *text, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = *text < 0x80       ? 1
	                : *text >> 5 == 6  ? 2
	                : *text >> 4 == 14 ? 3
	                : *text >> 3 == 30 ? 4
	                                   : 0;

	if (!length || length > left)
		return 0;
	uint32_t code = length == 1 ? *text : *text & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (text[i] >> 6 != 2)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret = code;
	return length;
}

/* Line ends, terminal controls (C1 too), and what makes text read in another order. */
static bool is_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static size_t put_hex(char *unit, char letter, uint32_t code, unsigned digits)
{
	unit[0] = '\\';
	unit[1] = letter;
	for (unsigned i = 0; i < digits; i++)
		unit[2 + i] = "0123456789abcdef"[code >> 4 * (digits - 1 - i) & 15];
	return 2 + digits;
}

static size_t put_pair(char *unit, char letter)
{
	unit[0] = '\\';
	unit[1] = letter;
	return 2;
}

static size_t escape(char *unit, uint32_t code, bool json)
{
	switch (code) {
	case '\n':
		return put_pair(unit, 'n');
	case '\r':
		return put_pair(unit, 'r');
	case '\t':
		return put_pair(unit, 't');
	case '\\':
	case '"':
		return put_pair(unit, (char)code);
	}
	return json || code >= 0x80 ? put_hex(unit, 'u', code, 4) : put_hex(unit, 'x', code, 2);
}

/* Writes one character of the text to @unit; returns the bytes read, *ret the bytes written. */
static size_t next_unit(const unsigned char *text, size_t left, bool json, char *unit, size_t *ret)
{
	uint32_t code;
	size_t taken = decode(text, left, &code);

	if (!taken) {
		*ret = json ? put_hex(unit, 'u', 0xfffd, 4) : put_hex(unit, 'x', *text, 2);
		return 1;
	}
	if (is_harmful(code) || code == '\\' || (json && code == '"')) {
		*ret = escape(unit, code, json);
	} else {
		memcpy(unit, text, taken);
		*ret = taken;
	}
	return taken;
}

void line_put_text(struct line *line, const char *text, size_t size, size_t most)
{
	size_t room = sizeof(line->data) - line->length;
	size_t end = line->length + (most < room ? most : room);
	size_t mark = strlen(LINE_CUT_MARK), cut = line->length;

	for (size_t i = 0, length; i < size;) {
		char unit[UNIT_MAX];
		i += next_unit((const unsigned char *)text + i, size - i, line->json, unit,
		               &length);
		if (!put_bytes(line, unit, length, end)) {
			line->length = cut;
			put_bytes(line, LINE_CUT_MARK, mark, end);
			return;
		}
		/* The last place at which the mark still fits. */
		if (line->length + mark <= end)
			cut = line->length;
	}
}

size_t line_clip(char *text, size_t size)
{
	size_t cut = size - sizeof(LINE_CUT_MARK);

	/* Not within a character. */
	for (int i = 0; i < 3 && ((unsigned char)text[cut] >> 6) == 2; i++)
		cut--;
	memcpy(text + cut, LINE_CUT_MARK, sizeof(LINE_CUT_MARK));
	return cut + strlen(LINE_CUT_MARK);
}
