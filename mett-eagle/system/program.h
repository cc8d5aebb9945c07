#pragma once

/*
 * What a worker's program asks of the world about itself. All of it lives in the user's
 * own process, so every name that a linker sees has the prefix of the interface.
 */
#include "ipc.h"

/** mett_program_role() - "zygote", "worker", or NULL: not started by the server */
const char *mett_program_role(int argc, char **argv);

/** mett_program_callee() - window of a worker that this one may call; SYS_NO_CAP: none */
sys_cap mett_program_callee(void);

/** mett_program_leave() - end the process at once; async-signal-safe */
__attribute__((noreturn)) void mett_program_leave(int code);

/** mett_program_say() - write to the log; async-signal-safe */
void mett_program_say(const char *text, size_t size);

/** mett_program_silent() - 1 when nothing is in the log that only the server can pass on */
int mett_program_silent(void);

/**
 * mett_program_make_way() - who was woken runs first
 * @word: says by another value than @value that it did; waited for only a moment
 */
void mett_program_make_way(const _Atomic uint32_t *word, uint32_t value);

/** mett_program_rest() - sleep until ended, or for a while */
void mett_program_rest(void);

/** mett_program_populate() - have memory there that will be written soon */
void mett_program_populate(void *memory, size_t size);
