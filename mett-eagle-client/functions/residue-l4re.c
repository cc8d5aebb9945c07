/*
 * Leaves a secret wherever it can, or looks whether one has been left to it. Argument:
 *
 *	hide   in all that each process has: data, stack, heap, UTCB, registers, capabilities,
 *	       regions and mappings where the C library has its own
 *	stray  where no process has anything: a capability and a mapping far from all others
 *	look   answers what it found of the first, or "nothing"
 *	search the same, and of the second, by which it strays itself
 */
#include <faas.h>

#include <l4/re/c/dataspace.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/task.h>
#include <l4/sys/utcb.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORDS = 1024,
	/* Slots that the C library does not come to, in the first page of them and not. */
	FIRST = 100,
	LAST = 110,
	STRAY = 5000,
	UTCB_WORDS = L4_PAGESIZE / sizeof(uint64_t),
};

static const l4_addr_t REGION = 0x20000, MAPPED = 0x30000, STRAY_MAPPED = 0x40000000;

/* In no program text or data as it is. */
static volatile uint64_t inverted = ~UINT64_C(0x5ec2e7a15ec2e7a1);

static volatile uint64_t data[WORDS] = {1}, bss[WORDS];
static uint64_t first_sse[16][2];

static uint64_t secret(void)
{
	return ~inverted;
}

/* Before anybody else uses these registers. */
__attribute__((constructor(101))) static void look_at_registers(void)
{
#define SAVE(n) __asm__ volatile("movups %%xmm" #n ", %0" : "=m"(first_sse[n]))
	SAVE(8);
	SAVE(9);
	SAVE(10);
	SAVE(11);
	SAVE(12);
	SAVE(13);
	SAVE(14);
	SAVE(15);
}

static l4_cap_idx_t slot(unsigned number)
{
	return (l4_cap_idx_t)number << L4_CAP_SHIFT;
}

static void fill(volatile uint64_t *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		words[i] = secret();
}

static bool is_in(const volatile uint64_t *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (words[i] == secret())
			return true;
	return false;
}

static __attribute__((noinline)) bool stack(bool hide)
{
	volatile uint64_t deep[2 * WORDS];

	if (hide)
		fill(deep, 2 * WORDS);
	return is_in(deep, 2 * WORDS);
}

static bool heap(bool hide)
{
	volatile uint64_t *memory = malloc(WORDS * sizeof(uint64_t));

	if (!memory)
		return false;
	if (hide)
		fill(memory, WORDS);
	bool found = is_in(memory, WORDS);
	free((void *)memory);
	return found;
}

/* All of the page but what the kernel uses now. */
static bool utcb(bool hide)
{
	volatile uint64_t *words = (volatile uint64_t *)l4_utcb();

	if (hide)
		fill(words + UTCB_WORDS / 4, UTCB_WORDS - UTCB_WORDS / 4);
	if (hide)
		fill(&l4_utcb_mr()->mr[40], 20);
	return is_in(words, UTCB_WORDS);
}

static void hide_in_registers(void)
{
	uint64_t value[2] = {secret(), secret()};

#define LOAD(n) __asm__ volatile("movups %0, %%xmm" #n : : "m"(value) : "xmm" #n)
	LOAD(8);
	LOAD(9);
	LOAD(10);
	LOAD(11);
	LOAD(12);
	LOAD(13);
	LOAD(14);
	LOAD(15);
}

/* A dataspace in this slot, with the secret in its first page or not. */
static bool make_memory(unsigned number, bool hide)
{
	void *memory = NULL;

	if (l4re_ma_alloc(L4_PAGESIZE, slot(number), 0) ||
	    l4re_rm_attach(&memory, L4_PAGESIZE, L4RE_RM_F_SEARCH_ADDR | L4RE_RM_F_RW,
	                   slot(number) | L4_CAP_FPAGE_RW, 0, L4_PAGESHIFT))
		return false;
	if (hide)
		fill(memory, L4_PAGESIZE / sizeof(uint64_t));
	return true;
}

static bool attach(unsigned number, l4_addr_t at)
{
	void *memory = (void *)at;

	return !l4re_rm_attach(&memory, L4_PAGESIZE, L4RE_RM_F_RW, slot(number) | L4_CAP_FPAGE_RW,
	                       0, L4_PAGESHIFT);
}

/* Past the region map: where no region is. */
static bool map(unsigned number, l4_addr_t at)
{
	return !l4re_ds_map(slot(number), 0, L4RE_DS_F_RW, at, at, at + L4_PAGESIZE - 1);
}

static int hide(void)
{
	l4_addr_t area = MAPPED + L4_PAGESIZE;

	fill(data, WORDS);
	fill(bss, WORDS);
	heap(true);
	stack(true);
	if (!make_memory(FIRST, true) || !attach(FIRST, REGION) || !map(FIRST, MAPPED) ||
	    l4re_rm_reserve_area(&area, L4_PAGESIZE, L4RE_RM_F_RESERVED, L4_PAGESHIFT) ||
	    l4_error(l4_factory_create(l4re_env()->factory, L4_PROTO_SEMAPHORE, slot(LAST))) < 0)
		return faas_fail_text("it could not hide all");
	utcb(true);
	hide_in_registers();
	return faas_answer_text("hidden");
}

static int stray(void)
{
	if (!make_memory(FIRST, true) || !map(FIRST, STRAY_MAPPED) ||
	    l4_error(l4_factory_create(l4re_env()->factory, L4_PROTO_SEMAPHORE, slot(STRAY))) < 0)
		return faas_fail_text("it could not stray");
	return faas_answer_text("hidden");
}

static bool valid(unsigned number)
{
	return l4_msgtag_label(l4_task_cap_valid(L4_BASE_TASK_CAP, slot(number))) > 0;
}

static bool capabilities(void)
{
	bool found = false;

	for (unsigned i = FIRST; i <= LAST; i++)
		found = found || valid(i);
	return found;
}

/* Where a new region shows what is new in it, or what was mapped there before. */
static bool is_mapped(unsigned number, l4_addr_t at)
{
	return attach(number, at) && is_in((volatile uint64_t *)at, L4_PAGESIZE / sizeof(uint64_t));
}

static int look(bool far)
{
	l4_addr_t area = MAPPED + L4_PAGESIZE;
	bool in_utcb = utcb(false), in_caps = capabilities(), in_stack = stack(false);
	bool in_data = is_in(data, WORDS), in_bss = is_in(bss, WORDS), in_heap = heap(false);
	bool in_registers = is_in((uint64_t *)first_sse, 2 * 16);

	if (!make_memory(FIRST, false))
		return faas_fail_text("no memory to look with");
	bool in_area = l4re_rm_reserve_area(&area, L4_PAGESIZE, L4RE_RM_F_RESERVED, L4_PAGESHIFT);
	bool in_regions = !attach(FIRST, REGION);
	bool in_mapped = is_mapped(FIRST, MAPPED);
	bool in_stray = far && (valid(STRAY) || is_mapped(FIRST, STRAY_MAPPED));
	bool any = in_utcb || in_caps || in_stack || in_data || in_bss || in_heap || in_registers ||
	           in_area || in_regions || in_mapped || in_stray;

	return faas_answer_format(
		"{}{}{}{}{}{}{}{}{}{}{}{}", any ? "" : "nothing", in_data ? "data " : "",
		in_bss ? "bss " : "", in_stack ? "stack " : "", in_heap ? "heap " : "",
		in_utcb ? "UTCB " : "", in_registers ? "registers " : "",
		in_caps ? "capabilities " : "", in_area ? "area " : "", in_regions ? "region " : "",
		in_mapped ? "mapping " : "", in_stray ? "stray " : "");
}

int faas_main(const void *argument, size_t size)
{
	if (size == 4 && !memcmp(argument, "hide", 4))
		return hide();
	if (size == 5 && !memcmp(argument, "stray", 5))
		return stray();
	return look(size == 6 && !memcmp(argument, "search", 6));
}
