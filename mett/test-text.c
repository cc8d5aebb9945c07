#include "text.h"

#include <test.h>

#include <locale.h>
#include <string.h>

static char unit[TEXT_UNIT_MAX];

TEST(sizes_are_read)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"1", 1},
		{"4096", 4096},
		{"7B", 7},
		{"1K", 1024},
		{"1KiB", 1024},
		{"1.5M", 3 << 19},
		{"64MiB", 64 << 20},
		{"2G", 2ull << 30},
		{"8192T", 1ull << 53},
	};
	static const char *const bad[] = {"",    "K",   "0",     "0.1", "-1", "+1",
	                                  "1k",  "1 K", " 1",    "1K ", ".5", "1.2.3",
	                                  "0x1", "1e3", "8193T", "nan", "inf"};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(text_to_size(good[i].text, &bytes));
		CHECK_EQ(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (text_to_size(bad[i], &bytes))
			test_fail(__FILE__, __LINE__, "'%s' is no size", bad[i]);
}

TEST(durations_are_read)
{
	uint64_t us;

	CHECK(text_to_duration("200ms", &us) && us == 200000);
	CHECK(text_to_duration("1.5s", &us) && us == 1500000);
	CHECK(text_to_duration("3us", &us) && us == 3);
	CHECK(text_to_duration("2m", &us) && us == 120000000);
	CHECK(text_to_duration("2min", &us) && us == 120000000);
	CHECK(text_to_duration("1h", &us) && us == 3600000000);
	CHECK(!text_to_duration("200", &us) && !text_to_duration("0s", &us));
	CHECK(!text_to_duration("1d", &us) && !text_to_duration("0.1us", &us));
	CHECK(!text_to_duration("9999999999h", &us) && !text_to_duration("ms", &us));
}

TEST(counts_are_read)
{
	uint64_t count;

	CHECK(text_to_count("0", 0, 5, &count) && count == 0);
	CHECK(text_to_count("5", 0, 5, &count) && count == 5);
	CHECK(text_to_count("18446744073709551615", 0, UINT64_MAX, &count) && count == UINT64_MAX);
	CHECK(!text_to_count("6", 0, 5, &count) && !text_to_count("-1", 0, 5, &count));
	CHECK(!text_to_count("", 0, 5, &count) && !text_to_count("1x", 0, 5, &count));
	CHECK(!text_to_count("18446744073709551616", 0, UINT64_MAX, &count));
}

TEST(sizes_and_durations_are_written)
{
	CHECK_STR(text_size(0, unit), "0 B");
	CHECK_STR(text_size(1023, unit), "1023 B");
	CHECK_STR(text_size(1536, unit), "1.50 KiB");
	CHECK_STR(text_size(64 << 20, unit), "64 MiB");
	CHECK_STR(text_size(UINT64_MAX, unit), "16 EiB");
	CHECK_STR(text_duration(0, unit), "0 ns");
	CHECK_STR(text_duration(999, unit), "999 ns");
	CHECK_STR(text_duration(15340, unit), "15.3 us");
	CHECK_STR(text_duration(1250000, unit), "1.25 ms");
	CHECK_STR(text_duration(200000000, unit), "200 ms");
	CHECK_STR(text_duration(90000000000, unit), "90 s");
	CHECK_STR(text_duration(180000000000, unit), "3 min");
	CHECK_STR(text_duration(7200000000000, unit), "2 h");
}

TEST(what_was_meant_is_guessed)
{
	static const char *const words[] = {"deploy", "delete", "list", "ns", NULL};

	CHECK_STR(text_nearest("depoly", words), "deploy");
	CHECK_STR(text_nearest("deply", words), "deploy");
	CHECK_STR(text_nearest("delet", words), "delete");
	CHECK_STR(text_nearest("lsit", words), "list");
	CHECK_STR(text_nearest("nss", words), "ns");
	CHECK(!text_nearest("", words) && !text_nearest("zzzzzz", words));
	CHECK(!text_nearest("xy", words));
	char long_word[1000];
	memset(long_word, 'a', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = 0;
	CHECK(!text_nearest(long_word, words));
	CHECK(!text_nearest("deploy", (const char *const[]){long_word, NULL}));
}

static const char *clipped(const char *text, unsigned columns)
{
	static char copy[64];

	strcpy(copy, text);
	text_clip(copy, columns);
	return copy;
}

TEST(texts_are_cut_to_columns)
{
	CHECK_STR(clipped("abcdef", 6), "abcdef");
	CHECK_STR(clipped("abcdef", 5), "ab...");
	CHECK_STR(clipped("abcdef", 2), "ab");
	CHECK_STR(clipped("abcdef", 0), "");
	CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
	CHECK_STR(clipped("abcdef", 5), "abcd\u2026");
	CHECK_STR(clipped("abcdef", 1), "\u2026");
	CHECK_STR(clipped("abcdef", 0), "");
	/* Wide ones take two; what is no character is as wide as its bytes. */
	CHECK_EQ(text_width("\u00e4\u4e2d"), 3);
	CHECK_STR(clipped("\u4e2d\u4e2d\u4e2d", 4), "\u4e2d\u2026");
	CHECK_EQ(text_width("\xff\xfe"), 2);
	CHECK_STR(clipped("\xff\xfe\xfd", 2), "\xff\u2026");
}
