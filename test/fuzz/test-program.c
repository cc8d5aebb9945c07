/* The check of programs with a real function's file, mutated and cut. */
#include "fuzz.h"
#include "program.h"
#include "test.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CASES = 60000,
	RUBBISH = 3000,
	SEED_MAX = 16 << 10,
};

static unsigned char *real;
static size_t real_size;

static void read_real(void)
{
	real = fuzz_read(getenv("FUNCTION_echo"), &real_size);
	CHECK_EQ(program_fuzz_one(real, real_size), METT_OK);
}

/*
 * Its headers and notes without what it loads, as a file small enough for many
 * mutations, most of which then hit something. Returns the size.
 */
static size_t make_seed(unsigned char *ret)
{
	Elf64_Ehdr elf;
	size_t size;

	memcpy(&elf, real, sizeof(elf));
	elf.e_phoff = sizeof(elf);
	size = sizeof(elf) + elf.e_phnum * sizeof(Elf64_Phdr);
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr header;

		memcpy(&header, real + ((Elf64_Ehdr *)real)->e_phoff + i * sizeof(header),
		       sizeof(header));
		if (header.p_type == PT_NOTE) {
			CHECK(size + header.p_filesz <= SEED_MAX);
			memcpy(ret + size, real + header.p_offset, header.p_filesz);
			header.p_offset = size;
			size += header.p_filesz;
		} else {
			header.p_offset = 0;
			header.p_filesz = header.p_filesz < size ? header.p_filesz : size;
		}
		memcpy(ret + sizeof(elf) + i * sizeof(header), &header, sizeof(header));
	}
	memcpy(ret, &elf, sizeof(elf));
	CHECK_EQ(program_fuzz_one(ret, size), METT_OK);
	return size;
}

TEST_TIMEOUT(mutations_do_no_harm, 300)
{
	static unsigned char seed[SEED_MAX], mutant[SEED_MAX];
	unsigned taken = 0;

	read_real();
	size_t size = make_seed(seed);
	for (uint64_t number = 0; number < CASES; number++) {
		uint64_t state = number;
		size_t cut = fuzz_below(&state, 8) ? size : fuzz_below(&state, (unsigned)size + 1);

		memcpy(mutant, seed, size);
		fuzz_mutate(&state, mutant, size);
		taken += program_fuzz_one(mutant, cut) == METT_OK;
	}
	printf("of %u mutants %u are still programs\n", CASES, taken);
	/* Some hit what is of no matter; not most. */
	CHECK(taken > CASES / 100 && taken < CASES - CASES / 100);
	free(real);
}

TEST_TIMEOUT(cuts_do_no_harm, 300)
{
	static unsigned char seed[SEED_MAX];

	read_real();
	size_t size = make_seed(seed);
	for (size_t cut = 0; cut < size; cut++)
		program_fuzz_one(seed, cut);
	/* What it loads reaches almost to its end: only what is behind can be missed. */
	for (uint64_t number = 0; number < 20; number++) {
		uint64_t state = number;

		CHECK_EQ(program_fuzz_one(real, fuzz_below(&state, (unsigned)real_size / 2)),
		         METT_BAD_PROGRAM);
	}
	free(real);
}

TEST(rubbish_does_no_harm)
{
	static unsigned char bytes[4096];

	for (uint64_t number = 0; number < RUBBISH; number++) {
		uint64_t state = number;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)fuzz_next(&state);
		if (number % 2)
			memcpy(bytes, ELFMAG, SELFMAG);
		CHECK(program_fuzz_one(bytes, fuzz_below(&state, sizeof(bytes)) + 1) != METT_OK);
	}
}
