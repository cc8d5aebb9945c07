#include <liballoc/cap.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * The state of a slot is one word with two counts:
 *
 *	low half:  holders
 *	high half: threads between their last release and the end of their hook
 *
 *	0 holders, 0 unmapping   free: cap_alloc() and cap_adopt() may claim it
 *	0 holders, k unmapping   cap_adopt() may claim it, cap_alloc() may not
 *	n holders, k unmapping   held; k threads have yet to leave an earlier life
 *
 * With a single "unmapping" flag instead of a count, a thread that is late to
 * leave the hook would clear the flag of a thread that is in the hook of the
 * slot's next life, and cap_alloc() would hand the slot out too early.
 */
#define HOLDER    UINT32_C(1)
#define UNMAPPING (UINT32_C(1) << 16)

enum { SMALL = 16 << 10 };

struct cap_allocator {
	void (*unmap)(cap_t cap, void *context);
	void *context;
	size_t capacity;
	/*
	 * At least the number of slots that are not free: counted before a slot is
	 * claimed and discounted after it is free. So whoever finds this below the
	 * capacity knows that there is a free slot.
	 */
	atomic_size_t used;
	atomic_size_t hint;
	atomic_uint_least32_t slots[];
};

static uint32_t holders(uint32_t state)
{
	return state % UNMAPPING;
}

static size_t bytes_for(size_t capacity)
{
	return sizeof(struct cap_allocator) + capacity * sizeof(atomic_uint_least32_t);
}

static bool in_range(const struct cap_allocator *allocator, cap_t slot)
{
	return slot >= 0 && (size_t)slot < allocator->capacity;
}

/* A large one is mapped, so that pages that no slot was used of cost nothing. */
static struct cap_allocator *take_memory(size_t bytes)
{
	void *memory;

	if (bytes <= SMALL)
		return calloc(1, bytes);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void give_memory_back(struct cap_allocator *allocator, size_t bytes)
{
	if (bytes <= SMALL)
		free(allocator);
	else
		munmap(allocator, bytes);
}

int cap_allocator_new(size_t capacity, void (*unmap)(cap_t cap, void *context), void *context,
                      struct cap_allocator **ret)
{
	if (!capacity || capacity > INT32_MAX)
		return -EINVAL;
	struct cap_allocator *allocator = take_memory(bytes_for(capacity));
	if (!allocator)
		return -ENOMEM;
	allocator->unmap = unmap;
	allocator->context = context;
	allocator->capacity = capacity;
	*ret = allocator;
	return 0;
}

/* The slot's state already counts this thread as unmapping. */
static void unmap_slot(struct cap_allocator *allocator, size_t slot)
{
	if (allocator->unmap)
		allocator->unmap((cap_t)slot, allocator->context);
	if (atomic_fetch_sub(&allocator->slots[slot], UNMAPPING) == UNMAPPING) {
		atomic_store_explicit(&allocator->hint, slot, memory_order_relaxed);
		atomic_fetch_sub(&allocator->used, 1);
	}
}

void cap_allocator_free(struct cap_allocator *allocator)
{
	if (!allocator)
		return;
	for (size_t i = 0; i < allocator->capacity && atomic_load(&allocator->used); i++) {
		if (!atomic_load(&allocator->slots[i]))
			continue;
		atomic_store(&allocator->slots[i], UNMAPPING);
		unmap_slot(allocator, i);
	}
	give_memory_back(allocator, bytes_for(allocator->capacity));
}

static bool claim(struct cap_allocator *allocator, size_t slot)
{
	uint32_t expected = 0;

	return !atomic_load_explicit(&allocator->slots[slot], memory_order_relaxed) &&
	       atomic_compare_exchange_strong(&allocator->slots[slot], &expected, HOLDER);
}

static bool claim_any(struct cap_allocator *allocator, cap_t *ret)
{
	size_t slot = atomic_load_explicit(&allocator->hint, memory_order_relaxed);

	for (size_t i = 0; i < allocator->capacity; i++, slot++) {
		if (slot >= allocator->capacity)
			slot = 0;
		if (claim(allocator, slot)) {
			atomic_store_explicit(&allocator->hint, slot + 1, memory_order_relaxed);
			*ret = (cap_t)slot;
			return true;
		}
	}
	return false;
}

int cap_alloc(struct cap_allocator *allocator, cap_t *ret)
{
	/* A search can fail only because others moved, so some thread always gets on. */
	while (atomic_fetch_add(&allocator->used, 1) < allocator->capacity) {
		if (claim_any(allocator, ret))
			return 0;
		atomic_fetch_sub(&allocator->used, 1);
	}
	atomic_fetch_sub(&allocator->used, 1);
	return -ENOSPC;
}

int cap_adopt(struct cap_allocator *allocator, cap_t slot)
{
	bool counted = false;

	if (!in_range(allocator, slot))
		return -EINVAL;
	uint32_t state = atomic_load(&allocator->slots[slot]);
	while (!holders(state)) {
		if (!state && !counted) {
			atomic_fetch_add(&allocator->used, 1);
			counted = true;
		}
		if (!atomic_compare_exchange_weak(&allocator->slots[slot], &state, state + HOLDER))
			continue;
		/* A slot that is being unmapped was never discounted. */
		if (state && counted)
			atomic_fetch_sub(&allocator->used, 1);
		return 0;
	}
	if (counted)
		atomic_fetch_sub(&allocator->used, 1);
	return -EBUSY;
}

int cap_take(struct cap_allocator *allocator, cap_t cap)
{
	if (!in_range(allocator, cap))
		return -EINVAL;
	uint32_t state = atomic_load(&allocator->slots[cap]);
	do {
		if (!holders(state))
			return -EINVAL;
		if (holders(state) == CAP_HOLDERS_MAX)
			return -EOVERFLOW;
	} while (!atomic_compare_exchange_weak(&allocator->slots[cap], &state, state + HOLDER));
	return 0;
}

static int drop(struct cap_allocator *allocator, cap_t cap, bool only)
{
	uint32_t state, next;

	if (!in_range(allocator, cap))
		return -EINVAL;
	state = atomic_load(&allocator->slots[cap]);
	do {
		if (!holders(state))
			return -EINVAL;
		next = state - HOLDER;
		if (holders(next) && only)
			return -EBUSY;
		if (!holders(next) && __builtin_add_overflow(next, UNMAPPING, &next))
			return -EOVERFLOW;
	} while (!atomic_compare_exchange_weak(&allocator->slots[cap], &state, next));
	if (holders(next))
		return 0;
	unmap_slot(allocator, (size_t)cap);
	return 1;
}

int cap_release(struct cap_allocator *allocator, cap_t cap)
{
	return drop(allocator, cap, false);
}

int cap_free(struct cap_allocator *allocator, cap_t cap)
{
	return drop(allocator, cap, true);
}

size_t cap_used(struct cap_allocator *allocator)
{
	size_t used = atomic_load(&allocator->used);

	/* Above the capacity while a claim is under way that will fail. */
	return used < allocator->capacity ? used : allocator->capacity;
}

size_t cap_capacity(const struct cap_allocator *allocator)
{
	return allocator->capacity;
}
