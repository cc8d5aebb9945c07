#include "image.h"

#include <elf.h>
#include <errno.h>
#include <l4/re/elf_aux.h>
#include <l4/sys/consts.h>
#include <string.h>

#include "memory.h"

enum { HEADERS_MAX = 64, STACK = 64 << 10, STACK_MAX = 16 << 20, ALIGN = 24 };

#define PT_L4RE_AUX 0x60000014

/* Where programs of this L4Re look for the kernel interface page; the linker knows. */
extern char __L4_KIP_ADDR__[];

static const l4_addr_t LOWEST = 0x1000, HIGHEST = 0x60000000; /* above are things of ours */

static bool inside(const struct image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->size && size <= image->size - offset;
}

static const char *add_segment(struct image *image, const Elf64_Phdr *header)
{
	struct segment *segment = &image->segment[image->count];

	if (image->count == SEGMENTS_MAX)
		return "it has too many segments";
	if (!inside(image, header->p_offset, header->p_filesz) ||
	    header->p_filesz > header->p_memsz || header->p_vaddr < LOWEST ||
	    header->p_vaddr >= HIGHEST || header->p_memsz > HIGHEST - header->p_vaddr)
		return "a segment lies outside of its file or of what a process can have";
	*segment = (struct segment){
		.begin = l4_trunc_page(header->p_vaddr),
		.end = l4_round_page(header->p_vaddr + header->p_memsz),
		.offset = l4_trunc_page(header->p_offset),
		.data = header->p_vaddr,
		.size = header->p_filesz,
		.from = header->p_offset,
		.writable = header->p_flags & PF_W,
		.executable = header->p_flags & PF_X,
	};
	/* What is the same for all is mapped from the file, if it lies there as in memory. */
	if ((header->p_offset ^ header->p_vaddr) % L4_PAGESIZE ||
	    header->p_filesz != header->p_memsz)
		segment->writable = true;
	if (image->count && segment->begin < segment[-1].end)
		return "its segments share pages";
	if (header->p_offset == 0)
		image->headers = header->p_vaddr;
	image->count++;
	return NULL;
}

/* What L4Re's linker scripts say of stack and kernel interface page. */
static void read_aux(struct image *image, const Elf64_Phdr *header)
{
	if (!inside(image, header->p_offset, header->p_filesz))
		return;
	for (uint64_t at = 0; at + sizeof(l4re_elf_aux_mword_t) <= header->p_filesz;) {
		l4re_elf_aux_mword_t aux;

		memcpy(&aux, image->data + header->p_offset + at, sizeof(aux));
		if (aux.type == L4RE_ELF_AUX_T_STACK_SIZE && aux.value && aux.value <= STACK_MAX)
			image->stack = l4_round_page(aux.value);
		if (!aux.length || aux.length > header->p_filesz - at)
			return;
		at += aux.length;
	}
}

static const char *parse(struct image *image)
{
	Elf64_Ehdr elf;

	if (image->size < sizeof(elf))
		return "it is no program";
	memcpy(&elf, image->data, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_type != ET_EXEC ||
	    elf.e_machine != EM_X86_64 || elf.e_phentsize != sizeof(Elf64_Phdr) ||
	    elf.e_phnum > HEADERS_MAX ||
	    !inside(image, elf.e_phoff, elf.e_phnum * sizeof(Elf64_Phdr)))
		return "it is no static program for this machine";
	image->entry = elf.e_entry;
	image->header_count = elf.e_phnum;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		const char *why = NULL;
		Elf64_Phdr header;

		memcpy(&header, image->data + elf.e_phoff + i * sizeof(header), sizeof(header));
		if (header.p_type == PT_LOAD && header.p_memsz)
			why = add_segment(image, &header);
		else if (header.p_type == PT_L4RE_AUX)
			read_aux(image, &header);
		if (why)
			return why;
	}
	if (image->headers)
		image->headers += elf.e_phoff;
	return image->count ? NULL : "there is nothing in it to run";
}

int image_open(struct image *image, sys_cap program, const char **why)
{
	volatile const unsigned char *pages;
	void *memory = NULL;

	*image = (struct image){
		.program = SYS_NO_CAP, .stack = STACK, .kip = (l4_addr_t)__L4_KIP_ADDR__};
	*why = "no memory to look at it";
	if (sys_dataspace_check(program, &image->size))
		return -EINVAL;
	int error = object_new(OBJECT_SPACE, &image->place);
	if (error)
		return error;
	error = object_hold(program);
	if (error) {
		sys_cap_close(image->place);
		return error;
	}
	if (image->size <= PLACE_SIZE)
		memory = memory_place(image->place);
	/* Aligned as programs are in their processes, so that it goes there in few pieces. */
	error = memory_attach(objects[program].space, image->size, L4RE_RM_F_RX, ALIGN, memory,
	                      &memory);
	if (error) {
		sys_cap_close(image->place);
		sys_cap_close(program);
		return error;
	}
	image->program = program;
	image->data = memory;
	pages = memory;
	/* Only what is here can be passed on. */
	for (size_t at = 0; at < image->size; at += L4_PAGESIZE)
		(void)pages[at];
	*why = parse(image);
	if (!*why)
		return 0;
	image_close(image);
	return -ENOEXEC;
}

void image_close(struct image *image)
{
	if (image->program == SYS_NO_CAP)
		return;
	l4re_rm_detach_unmap((l4_addr_t)image->data, L4_BASE_TASK_CAP);
	sys_cap_close(image->place);
	sys_cap_close(image->program);
	image->program = SYS_NO_CAP;
}
