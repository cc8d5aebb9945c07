#pragma once

/* Dataspaces, and the words in them that somebody may sleep on. */
#include "object.h"

#include <l4/re/c/rm.h>

/** memory_new() - as sys_dataspace_new(), from this process's own memory allocator */
int memory_new(size_t size, sys_cap *ret);

/**
 * memory_place() - where memory of an object can lie that nobody else will ever use
 *
 * L4Re's region map lets go of addresses before they are unmapped. If another thread was
 * given them in between, it would write to what was there before: so what comes and goes
 * is never put anywhere.
 */
void *memory_place(sys_cap cap);

enum { PLACE_SIZE = 16 << 20 };

/** memory_copy() - a sealed copy, of which nobody else knows; 0 or a negative errno */
int memory_copy(sys_cap from, sys_cap *ret);

/**
 * memory_attach() - have a dataspace somewhere in this process's memory
 * @size:  whole pages of it, from its begin
 * @flags: L4RE_RM_F_R, RW or RX
 * @align: logarithm, where it can lie anywhere
 * @at:    where it must be; NULL: anywhere
 *
 * Return: 0 or -ENOMEM.
 */
int memory_attach(l4_cap_idx_t space, size_t size, l4re_rm_flags_t flags, unsigned char align,
                  void *at, void **ret);

/** memory_return() - what was borrowed is not needed any more */
void memory_return(struct object *object);
