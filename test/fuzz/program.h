#pragma once

/* The check of programs, in a world that holds one dataspace: memory of the heap. */
#include <mett-eagle/common.h>

/**
 * program_fuzz_one() - have these bytes checked as an action's program
 *
 * Aborts when the outcome is none that program_check() may have. Memory checkers
 * see each access beyond the bytes.
 *
 * Return: the outcome.
 */
enum mett_reason program_fuzz_one(const void *data, size_t size);
