#include "config.h"

#include "test.h"

#include <errno.h>
#include <liblog/log.h>

TEST(masks_are_read)
{
	static const struct {
		const char *text;
		unsigned mask;
	} good[] = {
		{"0b01111", 15}, {"0b11111", 31}, {"0B1", 1},   {"0b0", 0},   {"15", 15},
		{"31", 31},      {"0", 0},        {"0x1f", 31}, {"0XA", 10},  {"debug", 31},
		{"info", 15},    {"warn", 7},     {"error", 3}, {"fatal", 1}, {"none", 0},
		{"INFO", 15},    {"None", 0},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		unsigned mask = 99;
		if (log_parse_mask(good[i].text, &mask) != 0 || mask != good[i].mask)
			test_fail(__FILE__, __LINE__, "%s became %u", good[i].text, mask);
	}
}

TEST(broken_masks_are_refused)
{
	static const char *const bad[] = {
		"",          " 1",   "1 ",    "-1",   "+1",         "32",
		"0b100000",  "0b",   "0b2",   "0x",   "0xg",        "0x0x1",
		"0b-1",      "0b 1", "01111", "inf",  "infos",      "all",
		"1e1",       "a",    "0x20",  "0x-1", "4294967296", "18446744073709551617",
		"info,warn",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		unsigned mask = 99;
		if (log_parse_mask(bad[i], &mask) != -EINVAL || mask != 99)
			test_fail(__FILE__, __LINE__, "'%s' became %u", bad[i], mask);
	}
}

TEST(formats_are_read)
{
	enum log_format format = LOG_FORMAT_CLEAN;

	CHECK_EQ(log_parse_format("json", &format), 0);
	CHECK_EQ(format, LOG_FORMAT_JSON);
	CHECK_EQ(log_parse_format("Verbose", &format), 0);
	CHECK_EQ(format, LOG_FORMAT_VERBOSE);
	CHECK_EQ(log_parse_format("clean", &format), 0);
	CHECK_EQ(format, LOG_FORMAT_CLEAN);
	CHECK_EQ(log_parse_format("xml", &format), -EINVAL);
	CHECK_EQ(log_parse_format("", &format), -EINVAL);
	CHECK_EQ(format, LOG_FORMAT_CLEAN);
}

TEST(levels_have_names)
{
	CHECK_STR(log_level_name(LOG_LEVEL_DEBUG), "debug");
	CHECK_STR(log_level_name(LOG_LEVEL_INFO), "info");
	CHECK_STR(log_level_name(LOG_LEVEL_WARN), "warn");
	CHECK_STR(log_level_name(LOG_LEVEL_ERROR), "error");
	CHECK_STR(log_level_name(LOG_LEVEL_FATAL), "fatal");
}
