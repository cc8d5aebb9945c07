#pragma once

/*
 * Reference-counting allocator of capability slots. A slot is a number that
 * names a resource: on Linux, a file descriptor. The allocator remembers how
 * many holders each slot has, and calls a hook when the last one lets go.
 *
 * All functions but cap_allocator_new() and cap_allocator_free() may be called
 * from any thread at any time, also from the hook. None takes a lock.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef int32_t cap_t;
#define CAP_INVALID ((cap_t)-1)

/* So many holders may one slot have. */
#define CAP_HOLDERS_MAX 65535

struct cap_allocator;

/**
 * cap_allocator_new() - make an allocator in which all slots are free
 * @capacity: number of slots, 1 to INT32_MAX; each takes 4 bytes once touched
 * @unmap:    called without locks, by the thread that released the last hold on
 *            a slot; may be NULL
 * @context:  handed to @unmap
 * @ret:      allocator, written on success only; free with cap_allocator_free()
 *
 * Return: 0, -EINVAL (capacity out of range) or -ENOMEM.
 */
int cap_allocator_new(size_t capacity, void (*unmap)(cap_t cap, void *context), void *context,
                      struct cap_allocator **ret);

/**
 * cap_allocator_free() - unmap what is still held, once a slot, and free all
 * @allocator: no other thread may use it any more; NULL is allowed
 */
void cap_allocator_free(struct cap_allocator *allocator);

/**
 * cap_alloc() - hold any free slot
 * @ret: slot with one holder, written on success only
 *
 * A slot is free again once its hook has returned, not before. The search
 * starts where a slot was last released; it is short unless the allocator is
 * nearly full, when it may look at each slot.
 *
 * Return: 0, or -ENOSPC when all slots are held, being claimed or being unmapped.
 */
int cap_alloc(struct cap_allocator *allocator, cap_t *ret);

/**
 * cap_adopt() - hold this very slot, because the kernel chose its number
 * @slot: slot without a holder; gets one
 *
 * Works while the hook of the slot's last life still runs in another thread:
 * the kernel hands out a number again before close() has returned.
 *
 * Return: 0, -EBUSY (has a holder) or -EINVAL (out of range).
 */
int cap_adopt(struct cap_allocator *allocator, cap_t slot);

/**
 * cap_take() - add a holder to a slot that has one
 *
 * Only who holds a slot, or is kept from losing it, can know what it names:
 * once free, a number may come to name something else.
 *
 * Return: 0, -EINVAL (no holder, or out of range), -EOVERFLOW (CAP_HOLDERS_MAX reached).
 */
int cap_take(struct cap_allocator *allocator, cap_t cap);

/**
 * cap_release() - remove a holder; without one left, unmap and free the slot
 *
 * Blocks as long as the hook does.
 *
 * Return: 1 if this was the last holder and the hook has run, else 0;
 * -EINVAL (no holder, or out of range); -EOVERFLOW (65535 hooks run for this
 * very slot; nothing changed).
 */
int cap_release(struct cap_allocator *allocator, cap_t cap);

/**
 * cap_free() - cap_release() by who claims to be the only holder
 *
 * Return: 1, or -EBUSY (there are others; nothing changed), -EINVAL and
 * -EOVERFLOW as for cap_release().
 */
int cap_free(struct cap_allocator *allocator, cap_t cap);

/** cap_used() - number of slots held or being unmapped; exact while nobody else changes it */
size_t cap_used(struct cap_allocator *allocator);

/** cap_capacity() - number of slots, as given to cap_allocator_new() */
size_t cap_capacity(const struct cap_allocator *allocator);

/* CAP_ALLOCATOR_AUTO struct cap_allocator *caps = NULL; is freed at the end of its scope. */
#define CAP_ALLOCATOR_AUTO __attribute__((cleanup(cap_allocator_free_ptr)))

/** cap_allocator_free_ptr() - free what a variable points to; for CAP_ALLOCATOR_AUTO */
static inline void cap_allocator_free_ptr(struct cap_allocator **allocator)
{
	cap_allocator_free(*allocator);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
