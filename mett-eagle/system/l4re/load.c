#include "load.h"

#include <elf.h>
#include <errno.h>
#include <l4/re/c/dataspace.h>
#include <l4/re/c/rm.h>
#include <l4/re/env.h>
#include <l4/re/l4aux.h>
#include <l4/sys/err.h>
#include <l4/sys/task.h>
#include <string.h>
#include <worker/internal.h>

#include "gate.h"
#include "memory.h"
#include "process.h"

/* Strings of an environment: the shortest is "K=", with its zero. */
enum { VARIABLES_MAX = METT_ENVIRONMENT_MAX / 3 };

enum { AUX_L4RE = 0xf0, AUX_ENVIRONMENT = 0xf1, AUX_KIP = 0xf2 };

/* Most functions need no more of their stack than this. */
enum { STACK_WARM = 8 << 10 };

/* Memory of a process as it is filled: data, and behind it the stack. */
struct filling {
	unsigned char *memory;
	size_t size;
	size_t top; /* of the stack, as far as it is used */
};

/*
 * The first instructions of each process, and its last when it is stopped. What the kernel
 * does not make anew for a new thread is the page of its UTCB: all but the address in it,
 * which is the kernel's, is cleared, and no trace of that is left in a register. The entry
 * is on the stack. Who rests waits for nobody, and once more when that is cancelled.
 */
static const struct {
	_Alignas(L4_PAGESIZE) unsigned char begin[BODY_REST - BODY_BEGIN];
	unsigned char rest[BODY_BEGIN + L4_PAGESIZE - BODY_REST];
} code = {
	{
		0xbf, 0x00, 0x00, 0x00, 0xb3, /* mov $BODY_UTCBS, %edi */
		0xb9, 0x3f, 0x00, 0x00, 0x00, /* mov $63, %ecx: message registers */
		0x31, 0xc0,                   /* xor %eax, %eax */
		0xf3, 0x48, 0xab,             /* rep stosq */
		0x48, 0x83, 0xc7, 0x08,       /* add $8, %rdi: the address */
		0xb9, 0xc0, 0x01, 0x00, 0x00, /* mov $448, %ecx: the rest of the page */
		0xf3, 0x48, 0xab,             /* rep stosq */
		0x31, 0xff,                   /* xor %edi, %edi */
		0xc3,                         /* ret */
	},
	{
		0x31, 0xf6,                   /* xor %esi, %esi */
		0x31, 0xc0,                   /* xor %eax, %eax: the tag */
		0x45, 0x31, 0xc0,             /* xor %r8d, %r8d: L4_IPC_NEVER */
		0x48, 0xc7, 0xc2, 0x02, 0xf8, /* mov $L4_INVALID_CAP | L4_SYSF_RECV, */
		0xff, 0xff,                   /*   %rdx */
		0x0f, 0x05,                   /* syscall */
		0xeb, 0xee,                   /* jmp to the first of these */
	},
};

_Static_assert(BODY_UTCBS == 0xb3000000, "code has it, too");
_Static_assert((L4_INVALID_CAP | L4_SYSF_RECV) == 0xfffffffffffff802, "as code has it");
_Static_assert(offsetof(l4_msg_regs_t, mr[63]) == 63 * 8, "as code has it");

static l4_cap_idx_t there(enum process_cap cap)
{
	return (l4_cap_idx_t)cap << L4_CAP_SHIFT;
}

static int attach(l4_cap_idx_t map, l4_addr_t at, size_t size, l4_cap_idx_t space, size_t offset,
                  l4re_rm_flags_t flags)
{
	void *address = (void *)at;

	/* Towards another's region map the rights go along in the low bits. */
	if (!(space & L4_INVALID_CAP_BIT))
		space |= flags & L4RE_RM_F_W ? L4_CAP_FPAGE_RW : L4_CAP_FPAGE_RO;
	return l4re_rm_attach_srv(map, &address, size, flags, space, offset, L4_PAGESHIFT) ? -ENOMEM
	                                                                                   : 0;
}

/* From the server's own mapping. Else each page would be asked for when it is first needed. */
static int map_pages(const struct body *body, const void *memory, size_t size, l4_addr_t to,
                     unsigned char rights)
{
	l4_addr_t from = (l4_addr_t)memory, end = l4_round_page(to + size);

	while (to < end) {
		unsigned order = L4_PAGESHIFT;

		while (to + (2ul << order) <= end && !((from | to) & ((2ul << order) - 1)))
			order++;
		if (l4_error(l4_task_map(body_cap(body, BODY_TASK), L4_BASE_TASK_CAP,
		                         l4_fpage(from, order, rights), to)) < 0)
			return -ENOMEM;
		from += 1ul << order;
		to += 1ul << order;
	}
	return 0;
}

static int map_warm(const struct body *body, const void *memory, const struct segment *segment,
                    size_t page, unsigned char rights)
{
	size_t count = (segment->end - segment->begin) >> L4_PAGESHIFT;
	int error = 0;

	for (size_t i = 0, begin; i < count && !error; i++) {
		for (begin = i; i < count && layout_warm(body->layout, page + i); i++)
			;
		error = map_pages(body, (const char *)memory + (begin << L4_PAGESHIFT),
		                  (i - begin) << L4_PAGESHIFT,
		                  segment->begin + (begin << L4_PAGESHIFT), rights);
	}
	return error;
}

static int load_segments(const struct body *body, const struct image *image, l4_cap_idx_t map,
                         struct filling *filling)
{
	l4_cap_idx_t space = objects[body->place].space;
	size_t at = 0, page = 0;
	int error = 0;

	for (unsigned i = 0; i < image->count && !error; i++) {
		const struct segment *segment = &image->segment[i];
		size_t size = segment->end - segment->begin, first = page;

		page += size >> L4_PAGESHIFT;

		/* What is the same in all processes of a program they share. */
		if (!segment->writable) {
			error = attach(map, segment->begin, size, objects[image->program].space,
			               segment->offset,
			               segment->executable ? L4RE_RM_F_RX : L4RE_RM_F_R);
			if (!error)
				error = map_warm(body, image->data + segment->offset, segment,
				                 first, L4_FPAGE_RX);
			continue;
		}
		memcpy(filling->memory + at + (segment->data - segment->begin),
		       image->data + segment->from, segment->size);
		error = attach(map, segment->begin, size, space, at,
		               segment->executable ? L4RE_RM_F_RWX : L4RE_RM_F_RW);
		if (!error)
			error = map_warm(body, filling->memory + at, segment, first,
			                 segment->executable ? L4_FPAGE_RWX : L4_FPAGE_RW);
		at += size;
	}
	return error;
}

/* Puts it on the stack; returns its address in the process. */
static l4_addr_t push(struct filling *filling, const void *data, size_t size)
{
	filling->top = (filling->top - size) & ~(size_t)15;
	memcpy(filling->memory + filling->top, data, size);
	return BODY_STACK_TOP - (filling->size - filling->top);
}

static l4_addr_t push_environment(struct filling *filling, bool callee)
{
	l4re_env_cap_entry_t caps[3] = {
		{there(PROCESS_PARENT), 0, PROCESS_MARK},
		{there(PROCESS_CALLEE_BELLS), callee ? 0 : ~0UL, PROCESS_MARK_CALLEE},
		{L4_INVALID_CAP, ~0UL, ""},
	};
	l4re_env_t environment = {
		.parent = there(PROCESS_PARENT),
		.rm = there(PROCESS_RM),
		.mem_alloc = there(PROCESS_MEMORY),
		.log = there(PROCESS_LOG),
		.main_thread = there(PROCESS_THREAD),
		.factory = there(PROCESS_FACTORY),
		.scheduler = there(PROCESS_SCHEDULER),
		.first_free_cap = PROCESS_FREE,
		.utcb_area = l4_fpage(BODY_UTCBS, L4_PAGESHIFT, 0),
		.first_free_utcb = BODY_UTCBS + L4_UTCB_OFFSET,
	};

	environment.caps = (void *)push(filling, caps, sizeof(caps));
	return push(filling, &environment, sizeof(environment));
}

/* As many of the strings as are there: their addresses in the process. */
static size_t list_variables(const char *text, size_t size, l4_umword_t address, l4_umword_t *ret)
{
	size_t count = 0;

	for (size_t at = 0; at < size && count < VARIABLES_MAX; at += strlen(text + at) + 1)
		ret[count++] = address + at;
	return count;
}

/* As any program of L4Re finds its stack: arguments, environment, auxiliary vector. */
static l4_addr_t fill_stack(const struct image *image, struct filling *filling, bool callee,
                            const char *variables, size_t variables_size)
{
	static const char name[] = "function", role[] = "worker";
	l4re_aux_t aux = {.kip_ds = L4_INVALID_CAP};

	filling->top = filling->size;
	l4_umword_t program = push(filling, name, sizeof(name));
	l4_umword_t argument = push(filling, role, sizeof(role));
	aux.binary = (const char *)program;
	l4_umword_t l4re = push(filling, &aux, sizeof(aux));
	l4_umword_t environment = push_environment(filling, callee);
	const l4_umword_t arguments[] = {2, program, argument, 0};
	const l4_umword_t auxiliary[] = {
		AT_PHDR,         image->headers,
		AT_PHNUM,        image->header_count,
		AT_PHENT,        sizeof(Elf64_Phdr),
		AT_PAGESZ,       L4_PAGESIZE,
		AT_ENTRY,        image->entry,
		AT_UID,          0,
		AT_EUID,         0,
		AT_GID,          0,
		AT_EGID,         0,
		AUX_L4RE,        l4re,
		AUX_KIP,         image->kip,
		AUX_ENVIRONMENT, environment,
		AT_NULL,         0,
	};
	enum { ARGUMENTS = 4, AUXILIARY = sizeof(auxiliary) / sizeof(*auxiliary) };
	l4_umword_t words[ARGUMENTS + VARIABLES_MAX + 1 + AUXILIARY];
	size_t count = ARGUMENTS;

	memcpy(words, arguments, sizeof(arguments));
	if (variables_size)
		count += list_variables(variables, variables_size,
		                        push(filling, variables, variables_size), words + count);
	words[count++] = 0;
	memcpy(words + count, auxiliary, sizeof(auxiliary));
	l4_addr_t stack = push(filling, words, (count + AUXILIARY) * sizeof(*words));
	/* Taken off it by the first instructions. */
	filling->top -= sizeof(image->entry);
	memcpy(filling->memory + filling->top, &image->entry, sizeof(image->entry));
	return stack - sizeof(image->entry);
}

static int load_stack(const struct body *body, const struct image *image, l4_cap_idx_t map,
                      struct filling *filling)
{
	size_t data = filling->size - image->stack, warm = STACK_WARM;
	int error = attach(map, BODY_STACK_TOP - image->stack, image->stack,
	                   objects[body->place].space, data, L4RE_RM_F_RW);

	if (warm > image->stack)
		warm = image->stack;
	if (!error)
		error = map_pages(body, filling->memory + filling->size - warm, warm,
		                  BODY_STACK_TOP - warm, L4_FPAGE_RW);
	return error;
}

/* Pages of a window that a worker touches before it says that it is up, and each call. */
static const size_t window_warm[] = {
	0,
	offsetof(struct worker_window, serve.argument),
	offsetof(struct worker_window, serve.answer),
};

enum { WINDOW_WARM = sizeof(window_warm) / sizeof(*window_warm) };

static int load_window(const struct body *body, l4_cap_idx_t map, sys_cap window, sys_cap there)
{
	const struct object *object = &objects[window];
	const volatile unsigned char *memory = object->memory;
	l4_addr_t at = (l4_addr_t)memory_place(there);
	int error = attach(map, at, sizeof(struct worker_window), object->space, 0, L4RE_RM_F_RW);

	for (unsigned i = 0; memory && i < WINDOW_WARM && !error; i++) {
		size_t offset = window_warm[i];

		(void)memory[offset]; /* only what is here can be passed on */
		error = map_pages(body, object->memory + offset, L4_PAGESIZE, at + offset,
		                  L4_FPAGE_RW);
	}
	return error;
}

/*
 * Of windows, which alone are wiped, these pages stay: whoever has them mapped, the client
 * too, need not ask moe for them again (5 us each). All others moe takes back.
 */
int sys_dataspace_wipe(sys_cap dataspace, void *memory, size_t size, size_t keep)
{
	(void)keep;
	struct object *object = object_of(dataspace, OBJECT_SPACE);
	size_t at = 0;

	if (!object)
		return -EIO;
	for (unsigned i = 0; i < WINDOW_WARM; i++) {
		if (window_warm[i] > at && l4re_ds_clear(object->space, at, window_warm[i] - at))
			return -EIO;
		memset((char *)memory + window_warm[i], 0, L4_PAGESIZE);
		at = window_warm[i] + L4_PAGESIZE;
	}
	return l4re_ds_clear(object->space, at, size - at) ? -EIO : 0;
}

static int load_rings(const struct body *body, l4_cap_idx_t map, sys_cap gate)
{
	l4_addr_t at = (l4_addr_t)memory_place(WORKER_GATE);
	const struct object *object = &objects[gate];
	const struct gate_memory *memory = object->memory;
	int error = attach(map, at, l4_round_page(sizeof(*memory)), object->space, 0, L4RE_RM_F_RW);

	/* Where the rings begin: there the first messages are. */
	for (unsigned i = 0; i < 2 && !error; i++) {
		size_t offset = l4_trunc_page((l4_addr_t)&memory->ring[i] - (l4_addr_t)memory);

		error = map_pages(body, (const char *)memory + offset, L4_PAGESIZE, at + offset,
		                  L4_FPAGE_RW);
	}
	return error;
}

/* What is no dataspace's. */
static int load_rest(const struct body *body, const struct image *image, l4_cap_idx_t map)
{
	int error = attach(map, BODY_UTCBS, BODY_BEGIN + L4_PAGESIZE - BODY_UTCBS, L4_INVALID_CAP,
	                   0, L4RE_RM_F_RW | L4RE_RM_F_RESERVED);

	if (!error)
		error = attach(map, image->kip, L4_PAGESIZE, L4_INVALID_CAP, 0,
		               L4RE_RM_F_R | L4RE_RM_F_RESERVED);
	if (!error)
		error = map_pages(body, l4re_kip(), L4_PAGESIZE, image->kip, L4_FPAGE_RX);
	if (!error)
		error = map_pages(body, &code, L4_PAGESIZE, BODY_BEGIN, L4_FPAGE_RX);
	return error;
}

int load(struct body *body, const struct image *image, l4_cap_idx_t map, sys_cap rings,
         sys_cap window, sys_cap callee, const char *environment, size_t environment_size,
         l4_addr_t *ret_stack)
{
	struct filling filling = {.memory = body->memory, .size = body->layout->size};

	int error = load_segments(body, image, map, &filling);
	*ret_stack =
		fill_stack(image, &filling, callee != SYS_NO_CAP, environment, environment_size);
	if (!error)
		error = load_stack(body, image, map, &filling);
	if (!error)
		error = load_rings(body, map, rings);
	if (!error)
		error = load_window(body, map, window, WORKER_WINDOW);
	if (!error && callee != SYS_NO_CAP)
		error = load_window(body, map, callee, PROCESS_CALLEE);
	if (!error)
		error = load_rest(body, image, map);
	return error;
}
