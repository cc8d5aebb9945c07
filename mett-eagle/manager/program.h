#pragma once

/* Program: is a dataspace something the server can start? */
#include <mett-eagle/client.h>

#include <system/ipc.h>

/**
 * program_check() - look at a program before it becomes an action
 * @name:      of the action, for the text
 * @dataspace: as it came from the client
 * @options:   what it is to be created with
 * @ret_size:  of the program in bytes
 * @why:       METT_MESSAGE_MAX bytes for a text that says what is wrong with it
 *
 * Never blocks, whatever the dataspace is.
 *
 * Return: METT_OK, METT_BAD_ARGUMENT (language), METT_BAD_DATASPACE,
 * METT_BAD_PROGRAM, METT_TOO_LARGE or METT_NO_MEMORY.
 */
enum mett_reason program_check(const char *name, sys_cap dataspace,
                               const struct mett_action_options *options, size_t *ret_size,
                               char *why);
