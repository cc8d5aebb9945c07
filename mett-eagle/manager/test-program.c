#include "program.h"

#include <string.h>

#include "test-stage.h"

static enum mett_reason check_bytes(const void *data, size_t size, char *why)
{
	sys_cap cap = fake_dataspace(data, size);
	size_t told = 0;
	enum mett_reason reason = program_check(
		"it", cap, &(struct mett_action_options){METT_LANGUAGE_BINARY}, &told, why);

	if (!reason)
		CHECK_EQ(told, size);
	sys_cap_close(cap);
	CHECK_EQ(fake_left(), 0);
	return reason;
}

static void refused(const void *data, size_t size, const char *text)
{
	char why[METT_MESSAGE_MAX] = "";

	CHECK_EQ(check_bytes(data, size, why), METT_BAD_PROGRAM);
	if (!strstr(why, text) || !strstr(why, "action 'it'"))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", why, text);
}

TEST(a_sound_program_is_taken)
{
	struct stage_program program;
	char why[METT_MESSAGE_MAX];

	stage_program_init(&program);
	CHECK_EQ(check_bytes(&program, sizeof(program), why), METT_OK);
	program.elf.e_type = ET_DYN; /* static-pie */
	CHECK_EQ(check_bytes(&program, sizeof(program), why), METT_OK);
}

TEST(what_is_no_elf_file_is_named)
{
	refused("#!/bin/sh\nexit\n", 15, "a script");
	refused("PK\3\4....", 8, "a zip archive");
	refused("\0asm....", 8, "WebAssembly");
	refused("hello world", 11, "text");
	refused("x\1\2\3", 4, "binary data");
	refused("\x7f", 1, "text");
	refused("\x7f"
	        "ELF",
	        4, "ends within its header");
}

TEST(each_wrong_field_is_refused)
{
	struct stage_program good, bad;

	stage_program_init(&good);
#define WITH(assignment_, text_)                                                                   \
	do {                                                                                       \
		bad = good;                                                                        \
		assignment_;                                                                       \
		refused(&bad, sizeof(bad), text_);                                                 \
	} while (0)
	WITH(bad.elf.e_ident[EI_CLASS] = ELFCLASS32, "not for x86-64");
	WITH(bad.elf.e_machine = EM_AARCH64, "not for x86-64");
	WITH(bad.elf.e_type = ET_REL, "no executable");
	WITH(bad.elf.e_type = ET_CORE, "no executable");
	WITH(bad.elf.e_phentsize = 32, "program headers");
	WITH(bad.elf.e_phnum = 0, "program headers");
	WITH(bad.elf.e_phnum = 65, "program headers");
	WITH(bad.elf.e_phoff = sizeof(bad), "cut short");
	WITH(bad.elf.e_phoff = UINT64_MAX - 8, "cut short");
	WITH(bad.load.p_filesz++, "cut short");
	WITH(bad.load.p_offset = UINT64_MAX, "cut short");
	WITH(bad.load.p_type = PT_INTERP, "cut short");
	WITH(bad.elf.e_phnum = 1, "does not link libfaas");
	WITH(bad.notes.p_type = PT_NULL, "does not link libfaas");
	WITH(bad.notes.p_filesz = UINT64_MAX, "does not link libfaas");
	WITH(bad.notes.p_filesz = 65537, "does not link libfaas");
	WITH(bad.notes.p_offset = UINT64_MAX, "does not link libfaas");
	WITH(bad.note.name_size = UINT32_MAX, "does not link libfaas");
	WITH(bad.note.desc_size = UINT32_MAX, "does not link libfaas");
	WITH(bad.note.name[0] = 'X', "does not link libfaas");
	WITH(bad.note.type = 2, "does not link libfaas");
	WITH(bad.note.version++, "link it with this server's libfaas");
#undef WITH
}

TEST(notes_may_have_a_section_only)
{
	struct {
		struct stage_program program;
		Elf64_Shdr section[2];
	} file = {0};
	char why[METT_MESSAGE_MAX];

	stage_program_init(&file.program);
	file.section[1].sh_type = SHT_NOTE;
	file.section[1].sh_offset = file.program.notes.p_offset;
	file.section[1].sh_size = file.program.notes.p_filesz;
	file.program.notes.p_type = PT_NULL;
	file.program.elf.e_shentsize = sizeof(Elf64_Shdr);
	file.program.elf.e_shnum = 2;
	file.program.elf.e_shoff = offsetof(__typeof__(file), section);
	CHECK_EQ(check_bytes(&file, sizeof(file), why), METT_OK);
	file.program.elf.e_shnum = UINT16_MAX; /* the rest is not there */
	CHECK_EQ(check_bytes(&file, sizeof(file), why), METT_OK);
	file.section[1].sh_offset = UINT64_MAX;
	refused(&file, sizeof(file), "does not link libfaas");
	file.program.elf.e_shoff = UINT64_MAX - 8;
	refused(&file, sizeof(file), "does not link libfaas");
}

TEST(an_interpreter_means_dynamic)
{
	struct stage_program program;

	stage_program_init(&program);
	program.notes.p_type = PT_INTERP;
	refused(&program, sizeof(program), "linked dynamically");
}

TEST(our_note_is_found_behind_others)
{
	struct {
		struct stage_program program;
		uint32_t other[6]; /* sizes 3 and 5: padded to 4 and 8 */
		struct note_program ours;
	} file = {.other = {3, 5, 1}};
	char why[METT_MESSAGE_MAX];

	stage_program_init(&file.program);
	file.ours = file.program.note;
	file.program.note.type = 99;
	file.program.notes.p_offset = offsetof(typeof(file), other);
	file.program.notes.p_filesz = sizeof(file.other) + sizeof(file.ours);
	CHECK_EQ(check_bytes(&file, sizeof(file), why), METT_OK);
}

TEST(every_cut_of_it_is_refused)
{
	struct stage_program program;
	char why[METT_MESSAGE_MAX];

	stage_program_init(&program);
	for (size_t size = 1; size < sizeof(program); size++)
		CHECK_EQ(check_bytes(&program, size, why), METT_BAD_PROGRAM);
	/* The sanitizers watch for reads beyond: any byte may be any value. */
	for (size_t i = 4; i < sizeof(program); i++) {
		struct stage_program other = program;

		((unsigned char *)&other)[i] ^= 0xff;
		check_bytes(&other, sizeof(other), why);
	}
}

TEST(only_sealed_memory_is_a_dataspace)
{
	char why[METT_MESSAGE_MAX];
	size_t size;
	sys_cap gates[2], space, empty = fake_dataspace("", 0);

	CHECK_EQ(sys_gate_pair(gates), 0);
	CHECK_EQ(sys_dataspace_new("x", 100, 0, &space), 0);
	CHECK_EQ(program_check("it", gates[0], &(struct mett_action_options){METT_LANGUAGE_BINARY},
	                       &size, why),
	         METT_BAD_DATASPACE);
	CHECK_EQ(program_check("it", space, &(struct mett_action_options){METT_LANGUAGE_BINARY},
	                       &size, why),
	         METT_BAD_DATASPACE);
	CHECK_EQ(program_check("it", empty, &(struct mett_action_options){METT_LANGUAGE_BINARY},
	                       &size, why),
	         METT_BAD_DATASPACE);
	sys_cap_close(gates[0]);
	sys_cap_close(gates[1]);
	sys_cap_close(space);
	sys_cap_close(empty);
	CHECK_EQ(fake_left(), 0);
}

/* Whatever it is: only its runtime can tell. */
TEST(a_script_is_not_looked_into)
{
	char why[METT_MESSAGE_MAX];
	sys_cap script = fake_dataspace("def main(", 9), gates[2];
	size_t size = 0;

	CHECK_EQ(program_check("it", script, &(struct mett_action_options){METT_LANGUAGE_PYTHON},
	                       &size, why),
	         METT_OK);
	CHECK_EQ(size, 9);
	CHECK_EQ(sys_gate_pair(gates), 0);
	CHECK_EQ(program_check("it", gates[0], &(struct mett_action_options){METT_LANGUAGE_PYTHON},
	                       &size, why),
	         METT_BAD_DATASPACE);
	sys_cap_close(script);
	sys_cap_close(gates[0]);
	sys_cap_close(gates[1]);
	CHECK_EQ(fake_left(), 0);
}

TEST(language_size_and_memory_are_looked_at)
{
	char why[METT_MESSAGE_MAX];
	size_t size;
	sys_cap cap = stage_program(), huge;

	CHECK_EQ(program_check(
			 "it", cap,
			 &(struct mett_action_options){(enum mett_language)METT_LANGUAGE_COUNT},
			 &size, why),
	         METT_BAD_ARGUMENT);
	fake_fail(0);
	CHECK_EQ(program_check("it", cap, &(struct mett_action_options){METT_LANGUAGE_BINARY},
	                       &size, why),
	         METT_NO_MEMORY);
	CHECK(fake_failed());
	huge = stage_program();
	fake_dataspace_claim(huge, (size_t)METT_PROGRAM_MAX + 1);
	CHECK_EQ(program_check("it", huge, &(struct mett_action_options){METT_LANGUAGE_BINARY},
	                       &size, why),
	         METT_TOO_LARGE);
	CHECK_EQ(program_check("it", huge, &(struct mett_action_options){METT_LANGUAGE_PYTHON},
	                       &size, why),
	         METT_TOO_LARGE);
	sys_cap_close(cap);
	sys_cap_close(huge);
	CHECK_EQ(fake_left(), 0);
}
