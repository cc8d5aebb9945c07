#pragma once

/* What ends a run that cannot go on. */
#include <stdint.h>

#include <mett-eagle/client.h>

/** fail() - say what failed and why, a negative errno, and exit with 1 */
__attribute__((noreturn)) void fail(const char *what, int64_t error);

/** fail_mett() - the same, for what the server or the client library refused */
__attribute__((noreturn)) void fail_mett(const char *what, const struct mett_error *error);
