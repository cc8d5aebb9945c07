#pragma once

/*
 * Test harness: each test runs in a process of its own, must end in time and
 * must not leave a file descriptor open. Output is TAP, one line a test.
 *
 *	TEST(name)
 *	{
 *		CHECK(1 + 1 == 2);
 *		CHECK_EQ(strlen("ab"), 2);
 *	}
 *
 * main() is in the harness. Arguments of the program are names of tests to run;
 * without them all run, in the order in which they stand in the file.
 */
#include <stdbool.h>
#include <stdint.h>

/* Where a sanitizer makes all slow, and memory is not what it was. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct test {
	const char *name;
	void (*run)(void);
	unsigned timeout_s; /* without a sanitizer; 0: the default of 60 */
	unsigned line;
};

#define TEST_TIMEOUT(name_, seconds_)                                                              \
	static void test_run_##name_(void);                                                        \
	static const struct test test_##name_                                                      \
		__attribute__((used, section("mett_tests"), aligned(sizeof(void *)))) = {          \
			.name = #name_,                                                            \
			.run = test_run_##name_,                                                   \
			.timeout_s = (seconds_),                                                   \
			.line = __LINE__,                                                          \
	};                                                                                         \
	static void test_run_##name_(void)

#define TEST(name_) TEST_TIMEOUT(name_, 0)

/** test_fail() - report where and why, and end this test as failed */
__attribute__((noreturn, format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                               const char *format, ...);

/** test_skip() - end this test as skipped; the reason is shown and counted */
__attribute__((noreturn, format(printf, 1, 2))) void test_skip(const char *format, ...);

#define CHECK(condition_)                                                                          \
	((condition_) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #condition_))

#define CHECK_EQ(got_, want_)                                                                      \
	do {                                                                                       \
		long long check_got_ = (long long)(got_), check_want_ = (long long)(want_);        \
		if (check_got_ != check_want_)                                                     \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #got_,          \
			          check_got_, #want_, check_want_);                                \
	} while (0)

#define CHECK_STR(got_, want_)                                                                     \
	do {                                                                                       \
		const char *check_got_ = (got_), *check_want_ = (want_);                           \
		if (__builtin_strcmp(check_got_, check_want_) != 0)                                \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #got_,           \
			          check_got_, check_want_);                                        \
	} while (0)
