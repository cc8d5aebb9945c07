/* Digits: the fewest that read back, and those the C library rounds to. */
#include "libfmt/fmt.h"
#include "test.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_FORMAT(want_, ...)                                                                   \
	do {                                                                                       \
		char text_[512];                                                                   \
		CHECK(fmt_format(text_, sizeof(text_), __VA_ARGS__) >= 0);                         \
		CHECK_STR(text_, want_);                                                           \
	} while (0)

static uint64_t random_bits(void)
{
	static uint64_t state = 1;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

TEST(shortest)
{
	CHECK_FORMAT("0.1 1e+20 1e-05 0.0001 1e+16 1000000000000000", "{} {} {} {} {} {}", 0.1,
	             1e20, 1e-5, 1e-4, 1e16, 1e15);
	CHECK_FORMAT("0 -0 inf -inf nan 5e-324 1e-45", "{} {} {} {} {} {} {}", 0.0, -0.0, INFINITY,
	             -INFINITY, NAN, 5e-324, 1e-45f);
	CHECK_FORMAT("0.1 0.1 0.1 0.3 0.30000000000000004", "{} {} {} {} {}", 0.1f, 0.1, 0.1L, 0.3,
	             0.1 + 0.2);
	CHECK_FORMAT("1.7976931348623157e+308 3.4028235e+38", "{} {}", DBL_MAX, FLT_MAX);
	CHECK_FORMAT("9007199254740993 5.684341886080802e-14", "{} {}", 9007199254740993.0L,
	             ldexp(1, -44));
	CHECK_FORMAT("1.0 0.10000 1.e+20", "{:#} {:#.5} {:#}", 1.0, 0.1, 1e20);
}

TEST(shortest_reads_back)
{
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = random_bits();
		char text[64];
		double d;
		float f;
		long double l = ldexpl((long double)bits, (int)(random_bits() % 32000) - 16000);

		memcpy(&d, &bits, sizeof(d));
		memcpy(&f, &bits, sizeof(f));
		fmt_format(text, sizeof(text), "{}", d);
		CHECK(isnan(d) || strtod(text, NULL) == d);
		fmt_format(text, sizeof(text), "{}", f);
		CHECK(isnan(f) || strtof(text, NULL) == f);
		fmt_format(text, sizeof(text), "{}", l);
		CHECK(strtold(text, NULL) == l);
	}
}

/* Up to 767 digits all are right, for long double too. */
TEST(fixed_as_printf)
{
	for (int i = 0; i < 20000; i++) {
		long double value =
			ldexpl((long double)random_bits(), (int)(random_bits() % 400) - 250);
		int precision = (int)(random_bits() % 60);
		char got[512], want[512];

		snprintf(want, sizeof(want), "%.*Lf %.*Le %.*Lg", precision, value, precision,
		         value, precision, value);
		fmt_format(got, sizeof(got), "{0:.{1}f} {0:.{1}e} {0:.{1}g}", value, precision);
		CHECK_STR(got, want);
	}
}

TEST(halves_go_to_even)
{
	CHECK_FORMAT("0 2 2 4 0.2 0.4", "{:.0f} {:.0f} {:.0f} {:.0f} {:.1f} {:.1f}", 0.5, 1.5, 2.5,
	             3.5, 0.25, 0.375);
	CHECK_FORMAT("0.00 0.01 0.00 1.0 10", "{:.2f} {:.2f} {:.2f} {:.1f} {:.0f}", 0.004, 0.006,
	             1e-9, 0.96, 9.5);
	CHECK_FORMAT("1 0.", "{:.0f} {:#.0f}", 0x1.0000000000001p-1, 0.5);
}

TEST(hexadecimal)
{
	CHECK_FORMAT("0x1.8p+0 -0X1.8P+0 0x0.0000000000001p-1022 0x0p+0", "{:a} {:A} {:a} {:a}",
	             1.5, -1.5, 5e-324, 0.0);
	CHECK_FORMAT("0x1.800p+0 0x1.p+0", "{:.3a} {:#a}", 1.5, 1.0);
	CHECK_FORMAT("0x1.8000000000000000000000000000000000p+0", "{:.34a}", 1.5);
}

TEST(long_texts)
{
	char text[1500];

	CHECK_EQ(fmt_format(text, sizeof(text), "{:f}", DBL_MAX), 316);
	CHECK(memcmp(text, "17976931348623157081", 20) == 0);
	CHECK_EQ(fmt_format(text, sizeof(text), "{:.1100f}", 5e-324), 1102);
	CHECK_STR(text + 1073, "62500000000000000000000000000");
	CHECK_EQ(fmt_format(text, sizeof(text), "{:f}", LDBL_MAX), 4940);
	CHECK_EQ(fmt_format(text, sizeof(text), "{:.2000e}", 1.0), 2006);
}

TEST(errno_is_kept)
{
	char text[32];

	errno = ENOENT;
	fmt_format(text, sizeof(text), "{}", 5e-324);
	CHECK_EQ(errno, ENOENT);
}

TEST(any_locale)
{
	if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
		test_skip("no locale with a decimal comma is installed");
	CHECK_FORMAT("0.1 1.50 1.5e+00 0x1.8p+0", "{} {:.2f} {:.1e} {:a}", 0.1, 1.5, 1.5, 1.5);
}
