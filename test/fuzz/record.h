#pragma once

/* The check of the store's records on disk, and what goes before it: the file's name. */
#include <stddef.h>

/**
 * record_fuzz_one() - have these bytes checked as a record's file
 * @name: of the file, any text
 *
 * Aborts when the outcome is none that the check may have. Memory checkers see each access
 * beyond the bytes.
 *
 * Return: 1 when it is a record, else 0.
 */
int record_fuzz_one(const char *name, const void *data, size_t size);
