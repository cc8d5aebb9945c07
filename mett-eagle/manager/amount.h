#pragma once

/* Amounts in messages: the whole number, of the largest unit of which it is one. */
#include <stdint.h>

enum { AMOUNT_MAX = 32 };

/** amount_of_time() - microseconds, as "300 ms"; returns @ret */
const char *amount_of_time(uint64_t us, char ret[static AMOUNT_MAX]);

/** amount_of_memory() - bytes, as "64 MiB"; returns @ret */
const char *amount_of_memory(uint64_t bytes, char ret[static AMOUNT_MAX]);
