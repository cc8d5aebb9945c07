/* A function that is stored and deleted, never invoked: the least that is a program. */
#include <protocol/note.h>
#include <protocol/protocol.h>

__attribute__((section(NOTE_SECTION), used, retain,
               aligned(4))) static const struct note_program note = {
	.name_size = sizeof(NOTE_NAME),
	.desc_size = sizeof(note.version),
	.type = NOTE_TYPE,
	.name = NOTE_NAME,
	.version = PROTOCOL_VERSION,
};

__attribute__((noreturn)) void _start(void);

void _start(void)
{
	for (;;)
		;
}
