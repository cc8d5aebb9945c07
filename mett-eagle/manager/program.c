#include "program.h"

#include <elf.h>
#include <string.h>

#include <libfmt/fmt.h>

#include <protocol/note.h>
#include <protocol/protocol.h>

enum {
	HEADERS_MAX = 64, /* program headers of a program we take */
	SECTIONS_MAX = 256,
	NOTES_MAX = 64 << 10,
};

/* What can be read of a file, with each access checked against its size. */
struct view {
	const unsigned char *data;
	size_t size;
};

static int view_read(const struct view *view, uint64_t offset, void *ret, size_t size)
{
	if (offset > view->size || size > view->size - offset)
		return -1;
	memcpy(ret, view->data + offset, size);
	return 0;
}

static const char *kind_of(const struct view *file)
{
	if (file->size >= 2 && !memcmp(file->data, "#!", 2))
		return "a script";
	if (file->size >= 4 && !memcmp(file->data, "PK\3\4", 4))
		return "a zip archive";
	if (file->size >= 4 && !memcmp(file->data, "\0asm", 4))
		return "WebAssembly";
	if (file->size >= SELFMAG && !memcmp(file->data, ELFMAG, SELFMAG))
		return "an ELF file of another kind";
	for (size_t i = 0; i < file->size && i < 256; i++)
		if (file->data[i] < 7)
			return "binary data";
	return "text";
}

/* 1 when the notes say that the program links our worker library, in our version. */
static int find_note(const struct view *file, uint64_t offset, uint64_t size, uint32_t *ret_version)
{
	struct note_program note;

	if (size > NOTES_MAX || offset > file->size || size > file->size - offset)
		return 0;
	for (uint64_t end = offset + size; offset + sizeof(Elf64_Nhdr) <= end;) {
		Elf64_Nhdr any;

		if (view_read(file, offset, &any, sizeof(any)))
			return 0;
		if (any.n_type == NOTE_TYPE && any.n_namesz == sizeof(NOTE_NAME) &&
		    any.n_descsz == sizeof(note.version) &&
		    !view_read(file, offset, &note, sizeof(note)) &&
		    !memcmp(note.name, NOTE_NAME, sizeof(NOTE_NAME))) {
			*ret_version = note.version;
			return 1;
		}
		offset += sizeof(any) + (((uint64_t)any.n_namesz + 3) & ~(uint64_t)3) +
		          (((uint64_t)any.n_descsz + 3) & ~(uint64_t)3);
	}
	return 0;
}

struct findings {
	int loads;
	int interpreter;
	int broken;
	int ours;
	uint32_t version;
};

static void look_at(const struct view *file, const Elf64_Ehdr *elf, struct findings *ret)
{
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		Elf64_Phdr header;

		if (view_read(file, elf->e_phoff + i * sizeof(header), &header, sizeof(header))) {
			ret->broken = 1;
			return;
		}
		if (header.p_type == PT_INTERP)
			ret->interpreter = 1;
		if (header.p_type == PT_NOTE && !ret->ours)
			ret->ours =
				find_note(file, header.p_offset, header.p_filesz, &ret->version);
		if (header.p_type != PT_LOAD)
			continue;
		ret->loads++;
		if (header.p_offset > file->size || header.p_filesz > file->size - header.p_offset)
			ret->broken = 1;
	}
}

/* Where a linker's script makes no segment of the notes there is their section still. */
static void look_at_sections(const struct view *file, const Elf64_Ehdr *elf, struct findings *ret)
{
	for (unsigned i = 0; i < elf->e_shnum && i < SECTIONS_MAX && !ret->ours; i++) {
		Elf64_Shdr header;

		if (elf->e_shoff > file->size ||
		    view_read(file, elf->e_shoff + i * sizeof(header), &header, sizeof(header)))
			return;
		if (header.sh_type == SHT_NOTE)
			ret->ours =
				find_note(file, header.sh_offset, header.sh_size, &ret->version);
	}
}

static enum mett_reason check_elf(const char *name, const struct view *file, uint32_t grants,
                                  char *why)
{
	struct findings found = {0};
	Elf64_Ehdr elf;

#define REFUSE(...)                                                                                \
	do {                                                                                       \
		fmt_format(why, METT_MESSAGE_MAX, __VA_ARGS__);                                    \
		return METT_BAD_PROGRAM;                                                           \
	} while (0)

	if (view_read(file, 0, &elf, SELFMAG) || memcmp(elf.e_ident, ELFMAG, SELFMAG))
		REFUSE("action '{}': not an ELF executable for x86-64 (found: {}); compile a program "
		       "that links libfaas, or create it with language exec",
		       name, kind_of(file));
	if (view_read(file, 0, &elf, sizeof(elf)))
		REFUSE("action '{}': ELF file ends within its header; upload it again", name);
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != EM_X86_64)
		REFUSE("action '{}': ELF file is not for x86-64; compile it for this machine",
		       name);
	if (elf.e_type != ET_EXEC && elf.e_type != ET_DYN)
		REFUSE("action '{}': ELF file is no executable (object file or core); link it",
		       name);
	if (elf.e_phentsize != sizeof(Elf64_Phdr) || elf.e_phnum == 0 || elf.e_phnum > HEADERS_MAX)
		REFUSE("action '{}': ELF file has no sound program headers; link it again", name);
	look_at(file, &elf, &found);
	if (!found.ours && elf.e_shentsize == sizeof(Elf64_Shdr))
		look_at_sections(file, &elf, &found);
	if (found.broken || !found.loads)
		REFUSE("action '{}': ELF file is cut short; upload it again", name);
	if (found.interpreter && !(grants & METT_GRANT_SYSTEM))
		REFUSE("action '{}': ELF file is linked dynamically, and a sandbox has no libraries; "
		       "link it with -static, or grant it the machine's (--grant system)",
		       name);
	if (!found.ours)
		REFUSE("action '{}': program does not link libfaas, so it cannot be invoked; link it "
		       "with `pkg-config --static --libs faas`, or create it with language exec",
		       name);
	if (found.version != PROTOCOL_VERSION)
		REFUSE("action '{}': program links libfaas with protocol {}, the server speaks {}; "
		       "link it with this server's libfaas",
		       name, found.version, (int)PROTOCOL_VERSION);
#undef REFUSE
	return METT_OK;
}

enum mett_reason program_check(const char *name, sys_cap dataspace,
                               const struct mett_action_options *options, size_t *ret_size,
                               char *why)
{
	struct view file;
	void *memory;

	if ((unsigned)options->language >= METT_LANGUAGE_COUNT) {
		fmt_format(
			why, METT_MESSAGE_MAX,
			"action '{}': language {} is not known to this server; it starts compiled "
			"programs (language 0), Python (1), and any program (2, 3)",
			name, (unsigned)options->language);
		return METT_BAD_ARGUMENT;
	}
	if (sys_dataspace_check(dataspace, &file.size) || !file.size) {
		fmt_format(why, METT_MESSAGE_MAX,
		           "action '{}': dataspace is empty or not a sealed memory file; pass one "
		           "that nobody can change",
		           name);
		return METT_BAD_DATASPACE;
	}
	if (file.size > METT_PROGRAM_MAX) {
		fmt_format(why, METT_MESSAGE_MAX,
		           "action '{}': program has {} bytes, at most {} are "
		           "taken; strip it",
		           name, file.size, (int)METT_PROGRAM_MAX);
		return METT_TOO_LARGE;
	}
	*ret_size = file.size;
	/* What a runtime runs only that can judge, in a sandbox. */
	if (options->language != METT_LANGUAGE_BINARY)
		return METT_OK;
	if (sys_map(dataspace, file.size, 0, &memory)) {
		fmt_format(why, METT_MESSAGE_MAX, "action '{}': no memory to look at its program",
		           name);
		return METT_NO_MEMORY;
	}
	file.data = memory;
	enum mett_reason reason = check_elf(name, &file, options->grants, why);
	sys_unmap(memory, file.size);
	return reason;
}
