#pragma once

/* What libfmt needs of the system besides C and POSIX. */
#include <math.h>

/* L4Re's C library declares these for long double and does not have them; the compiler does. */
#ifdef L4API_l4f
#undef isnan
#undef isfinite
#undef signbit
#define isnan    __builtin_isnan
#define isfinite __builtin_isfinite
#define signbit  __builtin_signbit
#endif
