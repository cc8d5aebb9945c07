/*
 * How a zygote's memory lies. A fork pays for each page that is there, when page tables are
 * copied and again at its end, and for each that it writes to. So what is there is joined to
 * large pages, which count as one, and what a fork takes for itself lies close together.
 * Nothing here needs to succeed.
 */
#include "private.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum {
	LARGE = 2 << 20,   /* a large page, in bytes */
	WASTE = 256 << 10, /* what joining may add, as no page was there */

	/* Of the interpreter's allocator. */
	POOL = 16 << 10,    /* of blocks of one size; its head comes first, */
	POOL_HEAD_MAX = 64, /* in less than this */
	BLOCK_STEP = 16,    /* in size, from one kind of pool to the next */
	BLOCK_MAX = 512,
	BLOCKS_KEPT = 16 * POOL, /* of one size, that may be used up, in bytes */

	/* Of the C library's. */
	CHUNK_HEAD = 8,
	CHUNK_STEP = 16,
	CHUNK_MAX = 128,
	CHUNK_RUN = 4, /* as many in a row are no accident */
	CHUNKS_KEPT = 256,
};

static char *heap;       /* where what we ask the C library for begins */
static char *last_arena; /* most of which nobody has touched yet */

static void *take_arena(void *context, size_t size)
{
	char *arena = aligned_alloc(POOL, size);

	if (arena > last_arena)
		last_arena = arena;
	return arena;
}

static void give_arena(void *context, void *arena, size_t size)
{
	free(arena);
}

static char *round_up(char *address, size_t unit)
{
	return (char *)(((uintptr_t)address + unit - 1) & -(uintptr_t)unit);
}

/* Arenas lie among all else, so that it is one piece. */
void memory_init(void)
{
	PyObjectArenaAllocator arenas = {NULL, take_arena, give_arena};
	char *end = sbrk(0);

	heap = round_up(end, LARGE);
	if (sbrk(heap - end) == end) {
		end = round_up(end, (size_t)sysconf(_SC_PAGESIZE));
		munmap(end, (size_t)(heap - end)); /* it would count to the limit of memory */
	}
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, 2 * LARGE);
	PyObject_SetArenaAllocator(&arenas);
}

/* Forks shall begin with a pool of their own for each size, in place of many half full. */
static void use_up_pools(void)
{
	for (size_t size = BLOCK_STEP; size <= BLOCK_MAX; size += BLOCK_STEP) {
		uintptr_t block = 0;

		for (size_t used = 0; used < BLOCKS_KEPT; used += size) {
			block = (uintptr_t)PyObject_Malloc(size);
			if (block % POOL < POOL_HEAD_MAX)
				break;
		}
	}
}

/*
 * The same for what was freed here and there: what is taken next of a size comes one behind the
 * other then. Large ones first, since what is left of them are small ones.
 */
static void use_up_chunks(void)
{
	for (size_t size = CHUNK_MAX + CHUNK_HEAD; size > CHUNK_STEP; size -= CHUNK_STEP) {
		uintptr_t last = 0;

		for (unsigned i = 0, run = 0; i < CHUNKS_KEPT && run < CHUNK_RUN; i++) {
			uintptr_t chunk = (uintptr_t)malloc(size);

			run = chunk == last + size + CHUNK_HEAD ? run + 1 : 0;
			last = chunk;
		}
	}
}

void memory_settle(void)
{
	malloc_trim(0);
	use_up_pools();
	use_up_chunks();
	if (last_arena < (char *)sbrk(0))
		madvise(heap, (size_t)(last_arena + WASTE - heap) & -(size_t)LARGE, MADV_COLLAPSE);
}
