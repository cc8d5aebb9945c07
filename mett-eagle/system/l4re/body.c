#include "body.h"

#include <errno.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/task.h>
#include <liballoc/cap.h>
#include <protocol/window.h>
#include <stdlib.h>
#include <string.h>
#include <worker/internal.h>

#include "gate.h"
#include "memory.h"
#include "process.h"

enum {
	BODIES_MAX = 2048,
	BODIES_BASE = 1 << 17, /* above the slots of object.c */
	TABLE = 2 << 20,       /* what one page table covers */
	CAP_PAGE = 7,          /* logarithm of the capabilities in a page of the kernel's */
	LIFE_CAPS = 4,         /* logarithm, from BODY_LIFE on */
	LOW = 256 << 10,
	LIVES_SEEN = 8,
	BATCH = 60,
	/* A 128th of what a process may map at most. */
	PURSE = 32 << 20,
	REST_MIN = PURSE - (1 << 20),
};

static struct cap_allocator *numbers;

static __attribute__((constructor)) void init(void)
{
	if (cap_allocator_new(BODIES_MAX, NULL, NULL, &numbers))
		abort();
}

l4_cap_idx_t body_cap(const struct body *body, enum body_cap cap)
{
	return (l4_cap_idx_t)(BODIES_BASE + body->number * BODY_CAPS + cap) << L4_CAP_SHIFT;
}

static l4_fpage_t caps(const struct body *body, enum body_cap first, unsigned char order)
{
	return l4_obj_fpage(body_cap(body, first), order, L4_CAP_FPAGE_RWSD);
}

unsigned body_pages_thread(const struct body *body, l4_fpage_t *ret)
{
	ret[0] = caps(body, BODY_THREAD, 0);
	return 1;
}

/* Its region map first: else moe were the last to hold its memory, and waited for the deletion. */
unsigned body_pages_life(const struct body *body, l4_fpage_t *ret)
{
	ret[0] = caps(body, BODY_LIFE, LIFE_CAPS);
	ret[1] = caps(body, BODY_LEFT, CAP_PAGE);
	return 2;
}

unsigned body_pages_proof(const struct body *body, l4_fpage_t *ret)
{
	ret[0] = caps(body, BODY_PROOF, 0);
	return 1;
}

unsigned body_pages_all(const struct body *body, l4_fpage_t *ret)
{
	ret[2] = caps(body, BODY_TASK, 1);
	return body_pages_life(body, ret) + 1;
}

static void add_range(struct layout *layout, l4_addr_t begin, size_t size)
{
	layout->range[layout->count++] =
		(struct range){l4_trunc_page(begin), l4_round_page(begin + size)};
}

void body_layout(const struct image *image, struct layout *ret)
{
	*ret = (struct layout){.size = image->stack, .segments = image->count};
	for (unsigned i = 0; i < image->count; i++) {
		const struct segment *segment = &image->segment[i];

		add_range(ret, segment->begin, segment->end - segment->begin);
		if (segment->writable)
			ret->size += segment->end - segment->begin;
	}
	/* Where the region map puts what the C library allocates at its start, and a small heap. */
	add_range(ret, L4_PAGESIZE, LOW);
	add_range(ret, BODY_STACK_TOP - image->stack, image->stack);
	add_range(ret, BODY_BEGIN, L4_PAGESIZE);
	add_range(ret, image->kip, L4_PAGESIZE);
	add_range(ret, (l4_addr_t)memory_place(WORKER_GATE), sizeof(struct gate_memory));
	/* Large payloads are something extraordinary. */
	add_range(ret, (l4_addr_t)memory_place(WORKER_WINDOW),
	          offsetof(struct worker_window, room));
	add_range(ret, (l4_addr_t)memory_place(PROCESS_CALLEE),
	          offsetof(struct worker_window, room));
}

/* Of a range the largest piece at its begin that is one flexible page. */
static unsigned char first_order(l4_addr_t begin, l4_addr_t end)
{
	unsigned char order = L4_PAGESHIFT;

	while (begin + (2ul << order) <= end && !(begin & ((2ul << order) - 1)))
		order++;
	return order;
}

struct unmapping {
	const struct body *body;
	size_t page; /* of the first one that lies in a segment */
	unsigned count;
	l4_fpage_t pages[BATCH];
};

bool layout_warm(const struct layout *layout, size_t page)
{
	if (page >= BODY_WARM)
		return false;
	return !layout->seen || layout->warm[page / 64] >> page % 64 & 1;
}

static void unmap(struct unmapping *unmapping, bool look)
{
	struct layout *layout = unmapping->body->layout;
	const l4_umword_t *result = &l4_utcb_mr()->mr[2];

	l4_task_unmap_batch(body_cap(unmapping->body, BODY_TASK), unmapping->pages,
	                    unmapping->count, L4_FP_ALL_SPACES);
	/* The kernel tells of each whether it was used. */
	for (unsigned i = 0; look && i < unmapping->count; i++, unmapping->page++)
		if (result[i] & L4_FPAGE_RWX && unmapping->page < BODY_WARM)
			layout->warm[unmapping->page / 64] |= UINT64_C(1) << unmapping->page % 64;
	unmapping->count = 0;
}

static void unmap_ranges(struct unmapping *unmapping, unsigned from, unsigned to, bool look)
{
	for (unsigned i = from; i < to; i++) {
		const struct range *range = &unmapping->body->layout->range[i];

		for (l4_addr_t at = range->begin; at < range->end;) {
			unsigned char order = look ? L4_PAGESHIFT : first_order(at, range->end);

			unmapping->pages[unmapping->count++] = l4_fpage(at, order, L4_FPAGE_RWX);
			at += 1ul << order;
			if (unmapping->count == BATCH)
				unmap(unmapping, look);
		}
	}
	if (unmapping->count)
		unmap(unmapping, look);
}

static void unmap_memory(const struct body *body, bool look)
{
	struct unmapping unmapping = {.body = body};
	struct layout *layout = body->layout;

	unmap_ranges(&unmapping, 0, layout->segments, look);
	unmap_ranges(&unmapping, layout->segments, layout->count, false);
	layout->seen += look;
}

/* Whole pages, at four times the speed of the C library's memset(). */
static void clear(void *memory, size_t size)
{
	typedef long long block __attribute__((vector_size(16)));
	static const block zero;
	block *end = (block *)((char *)memory + size);

	for (block *at = memory; at < end; at += 8)
		at[0] = at[1] = at[2] = at[3] = at[4] = at[5] = at[6] = at[7] = zero;
}

void body_strip(const struct body *body)
{
	unmap_memory(body, body->layout->seen < LIVES_SEEN);
	clear(body->memory, body->layout->size);
	/* Not dropped here: each task would wait for a grace period of its own. */
	l4_task_map(L4_BASE_TASK_CAP, body_cap(body, BODY_TASK),
	            l4_obj_fpage(0, CAP_PAGE, L4_CAP_FPAGE_RWSD),
	            l4_map_obj_control(body_cap(body, BODY_LEFT), L4_MAP_ITEM_GRANT));
}

/*
 * Page tables, once there, stay until the task is deleted. So that it is the same after
 * each life, it has all that a life may need from the start.
 */
static bool make_tables(const struct body *body)
{
	l4_cap_idx_t task = body_cap(body, BODY_TASK);
	const l4_fpage_t page = l4_fpage((l4_addr_t)l4re_kip(), L4_PAGESHIFT, L4_FPAGE_RX);

	for (unsigned i = 0; i < body->layout->count; i++) {
		const struct range *range = &body->layout->range[i];

		for (l4_addr_t at = range->begin; at < range->end; at = (at | (TABLE - 1)) + 1)
			if (l4_error(l4_task_map(task, L4_BASE_TASK_CAP, page, at)) < 0)
				return false;
	}
	unmap_memory(body, false);
	if (l4_error(l4_task_map(task, L4_BASE_TASK_CAP,
	                         l4_obj_fpage(l4re_env()->factory, 0, L4_CAP_FPAGE_RO),
	                         l4_map_obj_control(1 << L4_CAP_SHIFT, L4_MAP_ITEM_MAP))) < 0)
		return false;
	l4_task_unmap(task, l4_obj_fpage(0, CAP_PAGE, L4_CAP_FPAGE_RWSD), L4_FP_ALL_SPACES);
	return true;
}

static int make_memory(struct body *body)
{
	void *memory;
	int error = object_new(OBJECT_SPACE, &body->place);

	if (error)
		return error;
	l4_cap_idx_t space = objects[body->place].space = slot_new();
	if (body->layout->size > PLACE_SIZE || l4re_ma_alloc((long)body->layout->size, space, 0) ||
	    memory_attach(space, body->layout->size, L4RE_RM_F_RW, L4_PAGESHIFT,
	                  memory_place(body->place), &memory))
		return -ENOMEM;
	/* Only what is here can be passed on. */
	body->memory = memset(memory, 0, body->layout->size);
	return 0;
}

int body_new(struct layout *layout, struct body **ret)
{
	l4_cap_idx_t factory = l4re_env()->factory;
	struct body *body = calloc(1, sizeof(*body));
	cap_t number;

	if (!body)
		return -ENOMEM;
	if (cap_alloc(numbers, &number)) {
		free(body);
		return -ENOMEM;
	}
	body->number = number;
	body->place = SYS_NO_CAP;
	body->layout = layout;
	if (l4_error(l4_factory_create_factory(factory, body_cap(body, BODY_PURSE), PURSE)) ||
	    l4_error(l4_factory_create_task(body_cap(body, BODY_PURSE), body_cap(body, BODY_TASK),
	                                    l4_fpage(BODY_UTCBS, L4_PAGESHIFT, 0))) ||
	    make_memory(body) || !make_tables(body)) {
		body_free(body);
		return -ENOMEM;
	}
	*ret = body;
	return 0;
}

void body_end(struct body *body)
{
	if (body->memory)
		l4re_rm_detach_unmap((l4_addr_t)body->memory, L4_BASE_TASK_CAP);
	sys_cap_close(body->place);
	cap_release(numbers, body->number);
	free(body);
}

static void destroy(const l4_fpage_t *pages, unsigned count)
{
	l4_task_unmap_batch(L4_BASE_TASK_CAP, pages, count, L4_FP_DELETE_OBJ);
}

void body_free(struct body *body)
{
	l4_fpage_t pages[BODY_PAGES];

	destroy(pages, body_pages_all(body, pages));
	body_end(body);
}

bool body_prove(const struct body *body, size_t rest)
{
	return l4_error(l4_factory_create_factory(body_cap(body, BODY_PURSE),
	                                          body_cap(body, BODY_PROOF), rest)) >= 0;
}

static bool try_proof(const struct body *body, size_t rest)
{
	l4_fpage_t page;
	bool good = body_prove(body, rest);

	if (good)
		destroy(&page, body_pages_proof(body, &page));
	return good;
}

size_t body_rest(const struct body *body)
{
	size_t low = REST_MIN, high = PURSE;

	if (!try_proof(body, low))
		return 0;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (try_proof(body, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

size_t bodies_used(void)
{
	return cap_used(numbers);
}
