/* Characters and strings: UTF-8, columns on a terminal, escapes. */
#include "internal.h"

#include <string.h>

enum { INVALID = 0x110000 };

struct range {
	uint32_t first, last;
};

/* Two columns wide, as the C++ standard has it for std::format. */
static const struct range wide[] = {
	{0x1100, 0x115f},   {0x2329, 0x232a},   {0x2e80, 0x303e},   {0x3040, 0xa4cf},
	{0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},
	{0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff},
	{0x20000, 0x2fffd}, {0x30000, 0x3fffd},
};

/* Unicode's controls, formats, separators and private areas: nothing one could see. */
static const struct range unseen[] = {
	{0x80, 0xa0},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
	{0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
	{0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},
	{0x205f, 0x2064},   {0x2066, 0x206f},   {0x3000, 0x3000},   {0xfeff, 0xfeff},
	{0xfff9, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x13438},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
	{0xe000, 0xf8ff},   {0xf0000, INVALID},
};

#define CONTAINS(ranges_, point_) contains((ranges_), sizeof(ranges_) / sizeof(*(ranges_)), point_)

static bool contains(const struct range *ranges, size_t count, uint32_t point)
{
	for (size_t i = 0; i < count; i++) {
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	}
	return false;
}

/* Reads one character; a byte that does not belong to one is INVALID and 1 long. */
static size_t decode(const char *text, size_t length, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	size_t size = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t point = size == 1 ? s[0] : s[0] & (0xffu >> (size + 1));

	*ret = INVALID;
	if (size > length || (s[0] >= 0x80 && s[0] < 0xc0) || s[0] >= 0xf8)
		return 1;
	for (size_t i = 1; i < size; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < least[size] || point >= INVALID || (point >= 0xd800 && point <= 0xdfff))
		return 1;
	*ret = point;
	return size;
}

size_t fmt_text_columns(const char *text, size_t length)
{
	size_t columns = 0;
	uint32_t point;

	for (size_t size; length > 0; text += size, length -= size) {
		size = decode(text, length, &point);
		columns += 1 + (point >= wide[0].first && CONTAINS(wide, point));
	}
	return columns;
}

/* Writes one character as it stands in source code; returns the columns. */
static size_t put_escaped(struct fmt_writer *w, const char *text, size_t size, uint32_t point,
                          char quote)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[] = "\n\r\t", names[] = "nrt";
	const char *letter = point && point < 0x80 ? strchr(letters, (int)point) : NULL;
	int width = point < 0x100 || point == INVALID ? 2 : point < 0x10000 ? 4 : 8;

	if (letter || point == '\\' || point == (unsigned char)quote) {
		fmt_put_char(w, '\\');
		fmt_put_char(w, letter ? names[letter - letters] : (char)point);
		return 2;
	}
	if (point >= 0x20 && point != 0x7f && (point < 0x80 || !CONTAINS(unseen, point))) {
		fmt_put_bytes(w, text, size);
		return fmt_text_columns(text, size);
	}
	if (point == INVALID)
		point = (unsigned char)*text;
	fmt_put_char(w, '\\');
	fmt_put_char(w, width == 2 ? 'x' : width == 4 ? 'u' : 'U');
	for (int shift = 4 * (width - 1); shift >= 0; shift -= 4)
		fmt_put_char(w, digits[point >> shift & 15]);
	return 2 + (size_t)width;
}

static size_t put_quoted(struct fmt_writer *w, const char *text, size_t length, char quote)
{
	size_t columns = 2;
	uint32_t point;

	fmt_put_char(w, quote);
	for (size_t size; length > 0; text += size, length -= size) {
		size = decode(text, length, &point);
		columns += put_escaped(w, text, size, point, quote);
	}
	fmt_put_char(w, quote);
	return columns;
}

static void put_debug(struct fmt_writer *w, const struct fmt_spec *spec, const char *text,
                      size_t length, char quote)
{
	struct fmt_writer nowhere = {.size = 0};
	size_t right = fmt_put_left(w, spec, '<', put_quoted(&nowhere, text, length, quote));

	put_quoted(w, text, length, quote);
	fmt_put_fill(w, spec, right);
}

/* Bytes of the first @count characters. */
static size_t prefix_size(const char *text, size_t length, size_t count)
{
	for (size_t i = 0; i < length; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && count-- == 0)
			return i;
	}
	return length;
}

void fmt_put_string(struct fmt_writer *w, const struct fmt_spec *spec, const char *text,
                    size_t length)
{
	size_t right;

	if (spec->precision >= 0)
		length = prefix_size(text, length, (size_t)spec->precision);
	if (spec->type == '?') {
		put_debug(w, spec, text, length, '"');
		return;
	}
	right = spec->width ? fmt_put_left(w, spec, '<', fmt_text_columns(text, length)) : 0;
	fmt_put_bytes(w, text, length);
	fmt_put_fill(w, spec, right);
}

void fmt_put_character(struct fmt_writer *w, const struct fmt_spec *spec, char c)
{
	if (spec->type == '?')
		put_debug(w, spec, &c, 1, '\'');
	else
		fmt_put_text(w, spec, '<', &c, 1);
}
