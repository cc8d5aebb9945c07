#pragma once

/*
 * What tells a program for this server from any other: an ELF note of the
 * protocol it was linked for, which comes along with the worker library.
 */
#include <stdint.h>

#define NOTE_SECTION ".note.mett-eagle"
#define NOTE_NAME    "MettEagle"

enum { NOTE_TYPE = 1 };

/* As it lies in the file, in a segment PT_NOTE. Sizes are those of ELF: without padding. */
struct note_program {
	uint32_t name_size; /* sizeof(NOTE_NAME) */
	uint32_t desc_size; /* sizeof(version) */
	uint32_t type;      /* NOTE_TYPE */
	char name[(sizeof(NOTE_NAME) + 3) / 4 * 4];
	uint32_t version; /* PROTOCOL_VERSION */
};
