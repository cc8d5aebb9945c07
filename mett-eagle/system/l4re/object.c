#include "object.h"

#include <errno.h>
#include <l4/re/env.h>
#include <l4/sys/task.h>
#include <liballoc/cap.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum {
	SLOTS_EACH = 8,       /* of an object, on average, at most */
	SLOTS_BASE = 1 << 16, /* L4Re's own allocator stays far below */
	BATCH = 60,           /* as many as fit a message */
};

void (*slots_drop_later)(const l4_cap_idx_t *slots, unsigned count, bool destroy);
void (*line_free_hook)(struct line *line);

static struct cap_allocator *numbers, *slots;

static void end(cap_t cap, void *context)
{
	struct object *object = &objects[cap];
	l4_cap_idx_t caps[4] = {object->space, object->bell[0], object->bell[1], object->gate};

	if (object->kind == OBJECT_GATE)
		gate_close(object);
	if (object->kind == OBJECT_SPACE && object->origin != SYS_NO_CAP)
		memory_return(object);
	if (object->kind == OBJECT_END)
		sys_cap_close(object->peer);
	if (object->line && line_free_hook)
		line_free_hook(object->line);
	if (object->shared)
		slots_drop(&object->space, 1, false);
	slots_drop(caps + object->shared, 4 - object->shared, !object->foreign);
	*object = (struct object){.kind = OBJECT_NONE};
}

__attribute__((constructor)) void objects_init(void)
{
	if (numbers)
		return;
	if (cap_allocator_new((size_t)objects_max, end, NULL, &numbers) ||
	    cap_allocator_new((size_t)objects_max * SLOTS_EACH, NULL, NULL, &slots))
		abort();
}

static void init(enum object_kind kind, sys_cap cap)
{
	objects[cap] = (struct object){
		.kind = kind,
		.space = L4_INVALID_CAP,
		.bell = {L4_INVALID_CAP, L4_INVALID_CAP},
		.gate = L4_INVALID_CAP,
		.origin = SYS_NO_CAP,
		.peer = SYS_NO_CAP,
	};
}

int object_new(enum object_kind kind, sys_cap *ret)
{
	cap_t cap;

	if (cap_alloc(numbers, &cap))
		return -ENFILE;
	init(kind, cap);
	*ret = cap;
	return 0;
}

void object_adopt(enum object_kind kind, sys_cap cap)
{
	if (cap_adopt(numbers, cap))
		abort();
	init(kind, cap);
}

int object_hold(sys_cap cap)
{
	return cap_take(numbers, cap);
}

struct object *object_of(sys_cap cap, enum object_kind kind)
{
	return cap >= 0 && cap < objects_max && objects[cap].kind == kind ? &objects[cap] : NULL;
}

size_t objects_used(void)
{
	return cap_used(numbers);
}

void sys_cap_close(sys_cap cap)
{
	int saved = errno;

	if (cap != SYS_NO_CAP)
		cap_release(numbers, cap);
	errno = saved;
}

void sys_received_close(struct sys_received *received)
{
	for (unsigned i = 0; i < received->cap_count; i++)
		sys_cap_close(received->caps[i]);
	received->cap_count = 0;
}

l4_cap_idx_t slot_new(void)
{
	cap_t slot;

	if (cap_alloc(slots, &slot))
		return L4_INVALID_CAP;
	return (l4_cap_idx_t)(slot + SLOTS_BASE) << L4_CAP_SHIFT;
}

void slot_free(l4_cap_idx_t slot)
{
	if (!(slot & L4_INVALID_CAP_BIT))
		cap_release(slots, (cap_t)(slot >> L4_CAP_SHIFT) - SLOTS_BASE);
}

size_t slots_used(void)
{
	return cap_used(slots);
}

void slots_unmap(const l4_cap_idx_t *caps, unsigned count, bool destroy)
{
	l4_fpage_t pages[BATCH];

	while (count) {
		unsigned batch = count < BATCH ? count : BATCH, used = 0;

		for (unsigned i = 0; i < batch; i++)
			if (!(caps[i] & L4_INVALID_CAP_BIT))
				pages[used++] = l4_obj_fpage(caps[i], 0, L4_CAP_FPAGE_RWSD);
		if (used)
			l4_task_unmap_batch(L4_BASE_TASK_CAP, pages, used,
			                    destroy ? L4_FP_DELETE_OBJ : L4_FP_ALL_SPACES);
		for (unsigned i = 0; i < batch; i++)
			slot_free(caps[i]);
		caps += batch;
		count -= batch;
	}
}

void slots_drop(const l4_cap_idx_t *caps, unsigned count, bool destroy)
{
	if (slots_drop_later)
		slots_drop_later(caps, count, destroy);
	else
		slots_unmap(caps, count, destroy);
}
