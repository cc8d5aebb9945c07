#pragma once

/* Config: how the log looks, from the environment. */
#include <stdbool.h>
#include <stddef.h>

enum log_format { LOG_FORMAT_CLEAN, LOG_FORMAT_VERBOSE, LOG_FORMAT_JSON };

/**
 * log_parse_mask() - read a LOG_LEVEL
 * @text: name of a level, "none", or a number from 0 to 31 as 0b01111, 15 or 0xf
 * @ret:  mask of LOG_LEVEL_*, written on success only
 *
 * Return: 0, or -EINVAL.
 */
int log_parse_mask(const char *text, unsigned *ret);

/**
 * log_parse_format() - read a LOG_FORMAT: clean, verbose or json
 * @ret: written on success only
 *
 * Return: 0, or -EINVAL.
 */
int log_parse_format(const char *text, enum log_format *ret);

/** log_level_name() - name of one level, in lower case */
const char *log_level_name(unsigned level);
