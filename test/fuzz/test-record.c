/* Records of the store on disk, mutated, cut, and made of anything. */
#include "fuzz.h"
#include "record.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <system/linux/record.h>
#include <system/store.h>

enum { CASES = 60000, DATA_SIZE = 400, RUBBISH = 20000 };

struct file {
	struct record_header header;
	unsigned char data[DATA_SIZE + 64];
};

static const char name[] = "u0@action";

static void make(struct file *ret, uint64_t seed)
{
	for (size_t i = 0; i < DATA_SIZE; i++)
		ret->data[i] = (unsigned char)fuzz_next(&seed);
	record_seal(&ret->header, name, ret->data, DATA_SIZE);
	CHECK(record_fuzz_one(name, ret, sizeof(ret->header) + DATA_SIZE));
}

TEST(mutations_are_found_out)
{
	static struct file real, mutant;
	const size_t size = sizeof(real.header) + DATA_SIZE;

	make(&real, 1);
	for (uint64_t number = 0; number < CASES; number++) {
		uint64_t state = number;
		size_t cut = fuzz_below(&state, 4) ? size : fuzz_below(&state, sizeof(mutant) + 1);

		mutant = real;
		/* What is in the header decides how the rest is read. */
		fuzz_mutate(&state, &mutant, fuzz_below(&state, 2) ? sizeof(real.header) : size);
		bool same = cut == size && !memcmp(&real, &mutant, size);
		if (record_fuzz_one(name, &mutant, cut) != same)
			test_fail(__FILE__, __LINE__, "case %llu", (unsigned long long)number);
	}
}

TEST(names_are_part_of_it)
{
	static const char *const others[] = {"u0@actio", "u0@actionn", "u1@action", "u0@",
	                                     "",         "@",          "u0",        "U0@action"};
	static struct file real;

	make(&real, 2);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		CHECK(!record_fuzz_one(others[i], &real, sizeof(real.header) + DATA_SIZE));
}

TEST(names_of_any_kind_do_no_harm)
{
	static const char letters[] = "aZ0._-@@@/ \n\xff";
	char text[200];

	for (uint64_t number = 0; number < CASES; number++) {
		uint64_t state = number;
		unsigned length = fuzz_below(&state, sizeof(text));

		for (unsigned i = 0; i < length; i++)
			text[i] = letters[fuzz_below(&state, sizeof(letters) - 1)];
		text[length] = 0;
		record_fuzz_one(text, "", 0);
	}
}

TEST(rubbish_does_no_harm)
{
	static unsigned char bytes[1024];

	for (uint64_t number = 0; number < RUBBISH; number++) {
		uint64_t state = number;
		size_t size = fuzz_below(&state, sizeof(bytes) + 1);

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)fuzz_next(&state);
		if (number % 2)
			memcpy(bytes, RECORD_MAGIC, sizeof(RECORD_MAGIC) - 1);
		if (number % 4 == 3) {
			uint32_t claimed = (uint32_t)(size - sizeof(struct record_header));
			memcpy(bytes + 8, &claimed, sizeof(claimed));
		}
		CHECK(!record_fuzz_one(name, bytes, size));
	}
}
