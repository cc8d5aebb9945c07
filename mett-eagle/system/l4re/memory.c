#include "memory.h"

#include <errno.h>
#include <l4/re/c/dataspace.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/env.h>
#include <l4/sys/factory.h>
#include <l4/sys/irq.h>
#include <l4/sys/semaphore.h>
#include <l4/sys/task.h>

#include "remote.h"
#include "time.h"

/*
 * Where memory is mapped tells which object it is: each has a place of its own, so that
 * whoever sleeps on a word finds the semaphore without a lock. What is larger than a
 * place, or mapped a second time, lies anywhere, and nobody sleeps on it.
 */
enum { PLACE_SHIFT = 24 };

_Static_assert(PLACE_SIZE == 1 << PLACE_SHIFT, "places overlap");

static const l4_addr_t PLACES = 0x100000000000;

void *memory_place(sys_cap cap)
{
	return (void *)(PLACES + ((l4_addr_t)cap << PLACE_SHIFT));
}

static int new_bells(struct object *object)
{
	for (unsigned i = 0; i < 2; i++) {
		object->bell[i] = slot_new();
		if (object->bell[i] == L4_INVALID_CAP ||
		    l4_error(l4_factory_create(l4re_env()->factory, L4_PROTO_SEMAPHORE,
		                               object->bell[i])))
			return -ENOMEM;
	}
	return 0;
}

int memory_new(size_t size, sys_cap *ret)
{
	sys_cap cap;
	int error = object_new(OBJECT_SPACE, &cap);

	if (error)
		return error;
	struct object *object = &objects[cap];
	object->size = size;
	object->space = slot_new();
	if (object->space == L4_INVALID_CAP)
		error = -ENFILE;
	else if (l4re_ma_alloc((long)size, object->space, 0))
		error = -ENOMEM;
	if (!error)
		error = new_bells(object);
	if (error)
		sys_cap_close(cap);
	else
		*ret = cap;
	return error;
}

int sys_dataspace_new(const char *name, size_t size, int executable, sys_cap *ret)
{
	(void)name;
	(void)executable;
	return memory_new(size, ret);
}

int memory_copy(sys_cap from, sys_cap *ret)
{
	struct object *source = object_of(from, OBJECT_SPACE);
	sys_cap cap;
	int error = source ? memory_new(source->size, &cap) : -EINVAL;

	if (error)
		return error;
	if (l4re_ds_copy_in(objects[cap].space, 0, source->space, 0, source->size)) {
		sys_cap_close(cap);
		return -ENOMEM;
	}
	objects[cap].sealed = true;
	*ret = cap;
	return 0;
}

/* Of the server's own: what comes from others is a copy already, see gate.c. */
int sys_dataspace_seal(sys_cap dataspace)
{
	struct object *object = object_of(dataspace, OBJECT_SPACE);

	if (!object)
		return -EINVAL;
	object->sealed = true;
	return 0;
}

int sys_dataspace_check(sys_cap cap, size_t *ret_size)
{
	struct object *object = object_of(cap, OBJECT_SPACE);

	if (!object || !object->sealed)
		return -EINVAL;
	*ret_size = object->size;
	return 0;
}

static size_t pages(size_t size)
{
	return (size + L4_PAGESIZE - 1) & ~(size_t)(L4_PAGESIZE - 1);
}

int memory_attach(l4_cap_idx_t space, size_t size, l4re_rm_flags_t flags, unsigned char align,
                  void *at, void **ret)
{
	unsigned rights = flags & L4RE_RM_F_W ? L4_CAP_FPAGE_RW : L4_CAP_FPAGE_RO;

	if (!at)
		flags |= L4RE_RM_F_SEARCH_ADDR;
	/* A worker's region map is another's, to which the rights go along in the low bits. */
	if (l4re_rm_attach(&at, pages(size), flags, space | rights, 0, align))
		return -ENOMEM;
	*ret = at;
	return 0;
}

int sys_map(sys_cap dataspace, size_t size, int writable, void **ret)
{
	struct object *object = object_of(dataspace, OBJECT_SPACE);
	void *memory = memory_place(dataspace);
	bool place = object && !object->memory && size <= PLACE_SIZE;

	if (!object || size > object->size)
		return -EINVAL;
	/* A mapping keeps its object. */
	int error = object_hold(dataspace);
	if (error)
		return error;
	if (object->given) {
		*ret = object->memory;
		return 0;
	}
	error = memory_attach(object->space, size, writable ? L4RE_RM_F_RW : L4RE_RM_F_R,
	                      L4_PAGESHIFT, place ? memory : NULL, &memory);
	if (error) {
		sys_cap_close(dataspace);
		return error;
	}
	if (place)
		object->memory = memory;
	else
		sys_cap_close(dataspace); /* the region holds the dataspace */
	*ret = memory;
	return 0;
}

/* The object at whose place this is; SYS_NO_CAP: at none's. */
static sys_cap at_place(const void *memory)
{
	l4_addr_t place = ((l4_addr_t)memory - PLACES) >> PLACE_SHIFT;

	return (l4_addr_t)memory >= PLACES && place < (l4_addr_t)objects_max ? (sys_cap)place
	                                                                     : SYS_NO_CAP;
}

void sys_unmap(void *memory, size_t size)
{
	sys_cap cap = at_place(memory);

	if (!memory)
		return;
	l4re_rm_detach_unmap((l4_addr_t)memory, L4_BASE_TASK_CAP);
	if (cap == SYS_NO_CAP)
		return;
	objects[cap].memory = NULL;
	sys_cap_close(cap);
}

/* Words in one line of 16 bytes share a semaphore; neighbouring lines do not. */
static l4_cap_idx_t bell_of(const void *word)
{
	sys_cap cap = at_place(word);

	return cap == SYS_NO_CAP ? L4_INVALID_CAP : objects[cap].bell[(l4_addr_t)word >> 4 & 1];
}

void sys_word_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	/* What was rung before is still in the semaphore: then it returns at once. */
	if (atomic_load(word) == value)
		l4_semaphore_down(bell_of(word), time_until(deadline_ns));
}

void sys_word_wake(_Atomic uint32_t *word)
{
	l4_semaphore_up(bell_of(word));
}
