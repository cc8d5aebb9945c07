#include "amount.h"

#include <test.h>

TEST(times_have_the_unit_of_which_they_are_a_whole_number)
{
	char text[AMOUNT_MAX];

	CHECK_STR(amount_of_time(0, text), "0 us");
	CHECK_STR(amount_of_time(999, text), "999 us");
	CHECK_STR(amount_of_time(1500, text), "1500 us");
	CHECK_STR(amount_of_time(300000, text), "300 ms");
	CHECK_STR(amount_of_time(1500000, text), "1500 ms");
	CHECK_STR(amount_of_time(60000000, text), "60 s");
	CHECK_STR(amount_of_time(UINT64_MAX, text), "18446744073709551615 us");
}

TEST(memory_too)
{
	char text[AMOUNT_MAX];

	CHECK_STR(amount_of_memory(1023, text), "1023 B");
	CHECK_STR(amount_of_memory(64 << 20, text), "64 MiB");
	CHECK_STR(amount_of_memory(1536 << 10, text), "1536 KiB");
	CHECK_STR(amount_of_memory((uint64_t)1 << 40, text), "1024 GiB");
	CHECK_STR(amount_of_memory(UINT64_MAX, text), "18446744073709551615 B");
}
