#pragma once

/*
 * Line: one line of the log under construction. What does not fit is cut, so
 * that the caller need not look whether it did.
 */
#include <liblog/log.h>

struct line {
	char data[LOG_LINE_MAX];
	size_t length;
	bool json; /* escape texts for a JSON string */
};

/* Ends a text that was cut. */
#define LINE_CUT_MARK "[...]"

/** line_put() - append a string of our own, as it is; all of it or nothing */
void line_put(struct line *line, const char *text);

/** line_put_format() - append formatted text of our own, as it is; LINE_FORMAT() captures */
void line_put_format(struct line *line, const char *format, const struct fmt_arg *args,
                     size_t count);

#define LINE_FORMAT(line_, format_, ...) line_put_format(line_, format_, FMT_ARGS(__VA_ARGS__))

/**
 * line_put_text() - append a text of whatever bytes, escaped
 * @line: line
 * @text: bytes; may contain NUL
 * @size: number of bytes
 * @most: bytes that it may become, escapes and mark included; at least sizeof(LINE_CUT_MARK)
 *
 * Control characters, those that change the direction of text, backslashes and
 * broken UTF-8 become \n, \xHH or \uHHHH: no text can end the line, drive a
 * terminal or pass for an escape. In JSON, broken UTF-8 becomes U+FFFD.
 */
void line_put_text(struct line *line, const char *text, size_t size, size_t most);

/**
 * line_clip() - mark a formatted string that was cut off by the size of its buffer
 * @text:   buffer with a string that fills it
 * @size:   size of the buffer; more than sizeof(LINE_CUT_MARK) + 3
 *
 * Return: new length of the string, which ends in LINE_CUT_MARK and NUL.
 */
size_t line_clip(char *text, size_t size);
