#include <liblog/log.h>

#include "test-capture.h"
#include "test.h"

#include <stdlib.h>
#include <time.h>

/* Sanitizers bring a malloc of their own, which must not be replaced. */
#if defined(__has_feature)
#define HAS_FEATURE(x_) __has_feature(x_)
#else
#define HAS_FEATURE(x_) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
	HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)

TEST(nothing_is_allocated)
{
	test_skip("sanitizers have their own malloc");
}

#else

/* The C library must find these, too. */
#define EXPORT __attribute__((visibility("default")))

/* volatile: the compiler believes that setenv() and the like never call back. */
static volatile int allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

EXPORT void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

static int allocations_of(const char *format)
{
	char text[16384];
	struct log_error error = {0};

	setenv("LOG_LEVEL", "debug", 1);
	setenv("LOG_FORMAT", format, 1);
	setenv("TZ", "Europe/Berlin", 1);
	capture_begin();
	int before = allocations;
	log_debug("{} {:x} {} {}", 1, 2, "three", 4.5);
	log_info("{:>3000}|{:>3000}", 1, 2);
	log_warn("{:wrong}", 1);
	log_error_raise(&error, -EIO, "raised {}", 1e300);
	log_raised(&error);
	int after = allocations;
	CHECK(capture_end(text, sizeof(text)) > 4096);
	return after - before;
}

TEST(nothing_is_allocated_clean)
{
	CHECK_EQ(allocations_of("clean"), 0);
}

TEST(nothing_is_allocated_verbose)
{
	CHECK_EQ(allocations_of("verbose"), 0);
}

TEST(nothing_is_allocated_json)
{
	CHECK_EQ(allocations_of("json"), 0);
}

TEST(nothing_is_allocated_broken)
{
	CHECK_EQ(allocations_of("broken"), 0);
}

TEST(counting_works)
{
	int before = allocations;

	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	CHECK(allocations > before);
}

#endif
