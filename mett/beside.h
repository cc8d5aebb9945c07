#pragma once

/* Beside: programs of ours that were installed, or else built, together with this one. */
#include <limits.h>

enum beside { BESIDE_SERVER, BESIDE_PYTHON, BESIDE_EXEC, BESIDE_COUNT };

/** beside_find() - path of such a program; -ENOENT: not there, and @ret says where it should be */
int beside_find(enum beside which, char ret[PATH_MAX]);
