#pragma once

/* Words between the program and the person: messages, units, colours. */
#include <mett-eagle/base.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TEXT_UNIT_MAX = 32 };

/** say() - a sentence to the standard error, as "mett: …" */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/**
 * say_error() - tell why a call of the library failed
 *
 * Return: the exit status that goes with the reason, an enum status.
 */
int say_error(const struct mett_error *error);

/** text_flush() - put out what was printed so far, and keep in mind why if that fails */
void text_flush(void);

/** text_finish() - see that all output is out; returns the exit status, @status if it is */
int text_finish(int status);

/** text_need() - @memory, if there is any: without memory the program says so and ends */
void *text_need(void *memory);

/**
 * text_more() - make room for one more row
 * @rows:  of which there are @count, of @size bytes each; made larger by this alone
 *
 * Return: where they are now.
 */
void *text_more(void *rows, size_t count, size_t size);

/**
 * text_format(), text_vformat() - as asprintf(); owned by the caller
 *
 * Without memory the program ends.
 */
__attribute__((format(printf, 1, 2))) char *text_format(const char *format, ...);
__attribute__((format(printf, 1, 0))) char *text_vformat(const char *format, va_list args);

/**
 * text_nearest() - what a person may have meant
 * @word:  as it was written
 * @words: what there is, ends with NULL
 *
 * Return: one of @words that differs in little, or NULL.
 */
const char *text_nearest(const char *word, const char *const *words);

/** text_ends_in() - does @text, which must be longer, end in @end? */
bool text_ends_in(const char *text, const char *end);

/**
 * text_to_size() - understand "64M", "64MiB", "1.5G" or "4096": bytes, in powers of 1024
 * @ret: from 1 to 2^53
 */
bool text_to_size(const char *text, uint64_t *ret);

/** text_to_memory() - the same, of what a process may have: 64 KiB at least, or none could live */
bool text_to_memory(const char *text, uint64_t *ret);

/**
 * text_to_duration() - understand "200ms", "1.5s", "10us", "2m" or "1h"
 * @ret: microseconds, from 1 to 2^53
 */
bool text_to_duration(const char *text, uint64_t *ret_us);

/** text_to_count() - understand a whole number from @least to @most */
bool text_to_count(const char *text, uint64_t least, uint64_t most, uint64_t *ret);

/** text_size() - as "1.5 MiB"; returns @buffer */
const char *text_size(uint64_t bytes, char buffer[static TEXT_UNIT_MAX]);

/** text_duration() - of nanoseconds, as "12.3 us" or "2 min"; returns @buffer */
const char *text_duration(uint64_t ns, char buffer[static TEXT_UNIT_MAX]);

/** text_time() - of microseconds since 1970, as "2026-11-25 01:50:12"; returns @buffer */
const char *text_time(uint64_t us, char buffer[static TEXT_UNIT_MAX]);

/** text_policy() - "fork", "spawn" or "reuse"; "default" for METT_POLICY_DEFAULT */
const char *text_policy(enum mett_policy policy);

/** text_to_policy(), text_to_language() - the other way round; false: there is none of that name */
bool text_to_policy(const char *text, enum mett_policy *ret);
bool text_to_language(const char *text, enum mett_language *ret);

/* Escape sequences; empty where they are not wanted. */
struct colours {
	const char *strong, *faint, *good, *bad, *off;
};

/** text_colours() - for what goes to @out: none unless that is a terminal, or with NO_COLOR */
struct colours text_colours(FILE *out);

/** text_columns() - width of the terminal that @out is; 0: it is none */
unsigned text_columns(FILE *out);

/** text_width() - columns that a text takes, in the user's locale */
unsigned text_width(const char *text);

/**
 * text_clip() - shorten a text in place to @columns, with an ellipsis
 *
 * It needs room for three bytes more than its length.
 */
void text_clip(char *text, unsigned columns);

/** text_print() - what a function wrote: as it is, but to a terminal without control characters */
void text_print(FILE *out, const char *data, size_t size);
