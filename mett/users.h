#pragma once

/* Users of the machine, by name and number. */
#include <stdbool.h>
#include <stdint.h>

enum { USER_TEXT_MAX = 64 };

/** user_text() - name of a user, or the number where there is none; returns @buffer */
const char *user_text(uint32_t uid, char buffer[static USER_TEXT_MAX]);

/** user_find() - the number of a user given by name or number; false: there is none */
bool user_find(const char *text, uint32_t *ret_uid);
