/* Times: against the C library over centuries, and on the edges. */
#include "libfmt/fmt.h"
#include "test.h"

#include <errno.h>
#include <string.h>

#define CHECK_FORMAT(want_, ...)                                                                   \
	do {                                                                                       \
		char text_[512];                                                                   \
		CHECK(fmt_format(text_, sizeof(text_), __VA_ARGS__) >= 0);                         \
		CHECK_STR(text_, want_);                                                           \
	} while (0)

static const struct timespec moment = {.tv_sec = 1700000000, .tv_nsec = 5006007};

TEST(moments)
{
	CHECK_FORMAT("2023-11-14 22:13:20.005006007", "{}", moment);
	CHECK_FORMAT("2023-11-14T22:13:20.005Z", "{:.3%FT%TZ}", moment);
	CHECK_FORMAT("22:13:20 UTC +0000", "{:.0%T %Z %z}", moment);
	CHECK_FORMAT("  22:13|22:13  |*22:13*", "{:>7%R}|{:7%R}|{:*^7%R}", moment, moment, moment);
	CHECK_FORMAT("März  |", "{:6März}|", moment);
	CHECK_FORMAT("20.00", "{:.{}%S}", moment, 2);
}

TEST(broken_down)
{
	struct tm tm = {.tm_year = 124, .tm_mon = 1, .tm_mday = 29, .tm_wday = 4, .tm_yday = 59};

	tm.tm_gmtoff = -5400;
	tm.tm_zone = "XYZ";
	CHECK_FORMAT("2024-02-29 00:00:00", "{}", &tm);
	CHECK_FORMAT("Thu Thursday Feb February 24 20 060 09 -0130 XYZ %",
	             "{:%a %A %b %B %y %C %j %V %z %Z %%}", &tm);
	CHECK_FORMAT("12:00:00 AM|Thu Feb 29 00:00:00 2024", "{:%r|%c}", &tm);
	tm.tm_mon = 12;
	CHECK_EQ(fmt_format(NULL, 0, "{:%B}", &tm), -EINVAL);
	CHECK_EQ(fmt_format(NULL, 0, "{:%Y}", (struct tm *)NULL), -EINVAL);
}

/* strftime() and gmtime_r() know the calendar too; by odd steps through 1000 to 5000. */
TEST(as_the_c_library)
{
	for (time_t s = -30000000000; s < 95000000000; s += 7654321) {
		struct timespec at = {.tv_sec = s};
		char got[128], want[128];
		struct tm tm;

		gmtime_r(&s, &tm);
		strftime(want, sizeof(want), "%F %T %a %j %U %W %V %G %u %w %I %p %e", &tm);
		fmt_format(got, sizeof(got), "{:.0%F %T %a %j %U %W %V %G %u %w %I %p %e}", at);
		CHECK_STR(got, want);
		fmt_format(got, sizeof(got), "{:%F %T %a %j %U %W %V %G %u %w %I %p %e}", &tm);
		CHECK_STR(got, want);
	}
}

TEST(far_moments)
{
	struct timespec at = {.tv_sec = -62198755200}; /* a year before the year 0 */

	CHECK_FORMAT("-001-01-01", "{:%F}", at);
	at.tv_sec = INT64_MAX;
	CHECK_EQ(fmt_format(NULL, 0, "{}", at), -EINVAL);
	at.tv_sec = INT64_MIN;
	CHECK_EQ(fmt_format(NULL, 0, "{}", at), -EINVAL);
	at.tv_sec = 0;
	at.tv_nsec = 1000000000;
	CHECK_EQ(fmt_format(NULL, 0, "{}", at), -EINVAL);
	at.tv_nsec = -1;
	CHECK_EQ(fmt_format(NULL, 0, "{}", at), -EINVAL);
}

TEST(wrong_letters)
{
	CHECK_EQ(fmt_format(NULL, 0, "{:%}", moment), -EINVAL);
	CHECK_EQ(fmt_format(NULL, 0, "{:%Q}", moment), -EINVAL);
	CHECK_EQ(fmt_format(NULL, 0, "{:%Ed}", moment), -EINVAL);
	CHECK_EQ(fmt_format(NULL, 0, "{:%OY}", moment), -EINVAL);
	CHECK_EQ(fmt_format(NULL, 0, "{:.10%S}", moment), -EINVAL);
	CHECK_EQ(fmt_format(NULL, 0, "{:%Y", moment), -EINVAL);
}
