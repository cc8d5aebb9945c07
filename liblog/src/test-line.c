#include "line.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static const char *escaped(struct line *line, bool json, const char *text, size_t size, size_t most)
{
	line->length = 0;
	line->json = json;
	line_put_text(line, text, size, most);
	CHECK(line->length <= most && line->length < sizeof(line->data));
	line->data[line->length] = 0;
	return line->data;
}

static const struct {
	const char *text;
	size_t size;
	const char *plain, *json;
} cases[] = {
#define CASE(text_, plain_, json_)                                                                 \
	{                                                                                          \
		text_, sizeof(text_) - 1, plain_, json_                                            \
	}
	CASE("", "", ""),
	CASE("plain text", "plain text", "plain text"),
	CASE("a\nb\r\tc", "a\\nb\\r\\tc", "a\\nb\\r\\tc"),
	CASE("\033[31m", "\\x1b[31m", "\\u001b[31m"),
	CASE("\0\x7f", "\\x00\\x7f", "\\u0000\\u007f"),
	CASE("\"\\", "\"\\\\", "\\\"\\\\"),
	CASE("\\n", "\\\\n", "\\\\n"),
	CASE("grün €\U0001f600", "grün €\U0001f600", "grün €\U0001f600"),
	/* C1 controls: some terminals take U+009B for ESC [. */
	CASE("\xc2\x9b"
             "31m",
             "\\u009b31m", "\\u009b31m"),
	CASE("\x9b"
             "31m",
             "\\x9b31m", "\\ufffd31m"),
	/* What ends lines, or turns text around, in some viewers. */
	CASE("\u2028\u2029\u202e\u2066\u200f", "\\u2028\\u2029\\u202e\\u2066\\u200f",
             "\\u2028\\u2029\\u202e\\u2066\\u200f"),
	/* Overlong, surrogate, too large, cut short, never a first byte. */
	CASE("\xc0\x8a", "\\xc0\\x8a", "\\ufffd\\ufffd"),
	CASE("\xe0\x80\x8a", "\\xe0\\x80\\x8a", "\\ufffd\\ufffd\\ufffd"),
	CASE("\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"),
	CASE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"),
	CASE("\xe2\x82", "\\xe2\\x82", "\\ufffd\\ufffd"),
	CASE("\xc3(", "\\xc3(", "\\ufffd("),
	CASE("\xff\xfe", "\\xff\\xfe", "\\ufffd\\ufffd"),
#undef CASE
};

TEST(texts_are_escaped)
{
	struct line line;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_STR(escaped(&line, false, cases[i].text, cases[i].size, 100), cases[i].plain);
		CHECK_STR(escaped(&line, true, cases[i].text, cases[i].size, 100), cases[i].json);
	}
}

TEST(long_texts_are_cut_with_a_mark)
{
	struct line line;

	CHECK_STR(escaped(&line, false, "0123456789", 10, 10), "0123456789");
	CHECK_STR(escaped(&line, false, "0123456789", 10, 9), "0123[...]");
	CHECK_STR(escaped(&line, false, "0123456789", 10, 6), "0[...]");
	/* Not within a character, nor within an escape. */
	CHECK_STR(escaped(&line, false, "€€€€", 12, 10), "€[...]");
	CHECK_STR(escaped(&line, false, "\1\1\1\1", 4, 12), "\\x01[...]");
	CHECK_STR(escaped(&line, true, "\"\"\"\"\"", 5, 8), "\\\"[...]");
}

TEST(line_never_overflows)
{
	struct line line = {.length = 0};
	char *text = calloc(1, 2 * LOG_LINE_MAX);

	CHECK(text);
	memset(text, 'x', 2 * LOG_LINE_MAX - 1);
	line_put_text(&line, text, 2 * LOG_LINE_MAX - 1, SIZE_MAX);
	CHECK_EQ(line.length, LOG_LINE_MAX);
	CHECK(!memcmp(line.data + LOG_LINE_MAX - 5, LINE_CUT_MARK, 5));
	line_put(&line, "more");
	LINE_FORMAT(&line, "{}", 1);
	line_put_text(&line, "more", 4, 100);
	CHECK_EQ(line.length, LOG_LINE_MAX);
	free(text);
}

/* Says whether no byte of the line could end it, drive a terminal or break a JSON string. */
static bool is_harmless(const struct line *line)
{
	size_t continued = 0;

	for (size_t i = 0; i < line->length; i++) {
		unsigned char byte = (unsigned char)line->data[i];
		if (byte < 0x20 || byte == 0x7f || (line->json && byte == '"'))
			return false;
		if ((continued > 0) != (byte >> 6 == 2))
			return false;
		if (continued)
			continued--;
		else
			continued = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
		if (byte == 0xc2 && (unsigned char)line->data[i + 1] < 0xa0)
			return false;
	}
	return !continued;
}

TEST(random_bytes_become_harmless)
{
	struct line line = {.json = false};
	char text[64];

	memcpy(line.data, "\xc2\x80", 2);
	line.length = 2;
	CHECK(!is_harmless(&line));
	srandom(1);
	for (int round = 0; round < 100000; round++) {
		size_t size = (size_t)random() % sizeof(text);
		for (size_t i = 0; i < size; i++)
			text[i] = (char)(random() % 3 ? 0x80 | random() : random());
		escaped(&line, round & 1, text, size, 6 + (size_t)random() % 200);
		/* In JSON a quote may stand behind a backslash only; none is in pairs here. */
		for (size_t i = 0; line.json && i + 1 < line.length; i++)
			if (line.data[i] == '\\')
				memcpy(line.data + i++, "__", 2);
		CHECK(is_harmless(&line));
	}
}

TEST(clip_keeps_characters_whole)
{
	char text[16] = "0123456789abcde";

	CHECK_EQ(line_clip(text, sizeof(text)), 15);
	CHECK_STR(text, "0123456789[...]");
	memcpy(text, "01234567€bcde", 16);
	CHECK_EQ(line_clip(text, sizeof(text)), 13);
	CHECK_STR(text, "01234567[...]");
	memset(text, 0x80, 15);
	CHECK_EQ(line_clip(text, sizeof(text)), 12);
}
