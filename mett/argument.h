#pragma once

/* The argument of an invocation: from the word, a file, or the standard input. */
#include <stddef.h>

/**
 * argument_read() - all of a file
 * @path:     "-": the standard input
 * @ret:      written on success only; the caller frees it; not NULL, and with a zero behind the
 * last byte
 * @ret_size: in bytes
 *
 * Blocks until the file's end. Return: STATUS_GOOD, or the exit status; what is wrong was told.
 */
int argument_read(const char *path, char **ret, size_t *ret_size);
