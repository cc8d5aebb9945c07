#include "process.h"

#include <elf.h>
#include <errno.h>
#include <l4/re/c/dataspace.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <l4/re/env.h>
#include <l4/re/l4aux.h>
#include <l4/re/protocols.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/scheduler.h>
#include <l4/sys/task.h>
#include <l4/sys/thread.h>
#include <string.h>

#include "later.h"
#include "memory.h"

enum { FILLING = 1 << 20 };

/* Strings of an environment: the shortest is "K=", with its zero. */
enum { VARIABLES_MAX = METT_ENVIRONMENT_MAX / 3 };

enum { AUX_L4RE = 0xf0, AUX_ENVIRONMENT = 0xf1, AUX_KIP = 0xf2 };

static const l4_addr_t STACK_TOP = 0x80000000, UTCBS = 0xb3000000;

/* Memory of a new process as it is filled: data, and behind it the stack. */
struct filling {
	unsigned char *memory;
	size_t size;
	size_t top; /* of the stack, as far as it is used */
};

static l4_cap_idx_t there(enum process_cap cap)
{
	return (l4_cap_idx_t)cap << L4_CAP_SHIFT;
}

static bool give(const struct process *process, l4_cap_idx_t cap, enum process_cap to,
                 unsigned char rights)
{
	return l4_error(l4_task_map(process->task, L4_BASE_TASK_CAP, l4_obj_fpage(cap, 0, rights),
	                            l4_map_obj_control(there(to), L4_MAP_ITEM_MAP))) >= 0;
}

static bool give_window(const struct process *process, sys_cap cap, enum process_cap to)
{
	const struct object *object = object_of(cap, OBJECT_SPACE);

	return object && give(process, object->space, to, L4_CAP_FPAGE_RW) &&
	       give(process, object->bell[0], to + 1, L4_CAP_FPAGE_RWS) &&
	       give(process, object->bell[1], to + 2, L4_CAP_FPAGE_RWS);
}

static bool give_all(const struct process *process, const struct sys_window *window,
                     const struct object *gate)
{
	return give(process, process->task, PROCESS_TASK, L4_CAP_FPAGE_RWS) &&
	       give(process, process->thread, PROCESS_THREAD, L4_CAP_FPAGE_RWS) &&
	       give(process, process->map, PROCESS_RM, L4_CAP_FPAGE_RWS) &&
	       give(process, process->memory, PROCESS_MEMORY, L4_CAP_FPAGE_RWS) &&
	       give(process, process->factory, PROCESS_FACTORY, L4_CAP_FPAGE_RWS) &&
	       give(process, gate->gate, PROCESS_PARENT, L4_CAP_FPAGE_RWS) &&
	       give(process, gate->gate, PROCESS_LOG, L4_CAP_FPAGE_RO) &&
	       give(process, gate->space, PROCESS_RING, L4_CAP_FPAGE_RW) &&
	       give(process, gate->bell[1], PROCESS_BELL, L4_CAP_FPAGE_RWS) &&
	       give(process, gate->bell[0], PROCESS_SERVER_BELL, L4_CAP_FPAGE_RW) &&
	       give_window(process, window->cap, PROCESS_WINDOW) &&
	       (window->callee == SYS_NO_CAP ||
	        give_window(process, window->callee, PROCESS_CALLEE));
}

static int create(struct process *process, uint64_t limit)
{
	l4_fpage_t utcbs = l4_fpage(UTCBS, L4_PAGESHIFT, 0);
	l4_cap_idx_t factory = l4re_env()->factory, memory = l4re_env()->mem_alloc;

	process->task = slot_new();
	process->thread = slot_new();
	process->map = slot_new();
	process->memory = slot_new();
	process->space = slot_new();
	process->factory = slot_new();
	/* A slot that is none makes the kernel refuse. */
	if (limit ? l4_error(l4_factory_create_factory(memory, process->memory, limit))
	          : l4_error(l4_task_map(L4_BASE_TASK_CAP, L4_BASE_TASK_CAP,
	                                 l4_obj_fpage(memory, 0, L4_CAP_FPAGE_RWS),
	                                 l4_map_obj_control(process->memory, L4_MAP_ITEM_MAP) |
	                                         L4_FPAGE_C_OBJ_RIGHTS)) < 0)
		return -ENOMEM;
	if (l4_error(l4_factory_create(memory, L4RE_PROTO_RM, process->map)) ||
	    l4_error(l4_factory_create_task(factory, process->task, utcbs)) ||
	    l4_error(l4_factory_create_thread(factory, process->thread)) ||
	    l4_error(l4_factory_create_factory(factory, process->factory, PROCESS_KERNEL_MEMORY)))
		return -ENOMEM;
	return 0;
}

static int attach(const struct process *process, l4_addr_t at, size_t size, l4_cap_idx_t space,
                  size_t offset, l4re_rm_flags_t flags)
{
	void *address = (void *)at;

	/* Towards another's region map the rights go along in the low bits. */
	if (!(space & L4_INVALID_CAP_BIT))
		space |= flags & L4RE_RM_F_W ? L4_CAP_FPAGE_RW : L4_CAP_FPAGE_RO;
	return l4re_rm_attach_srv(process->map, &address, size, flags, space, offset, L4_PAGESHIFT)
	               ? -ENOMEM
	               : 0;
}

/* What is the same in all processes of a program they share, and have from the start. */
static int share_segment(const struct process *process, const struct image *image,
                         const struct segment *segment)
{
	l4re_rm_flags_t flags = segment->executable ? L4RE_RM_F_RX : L4RE_RM_F_R;

	int error = attach(process, segment->begin, segment->end - segment->begin,
	                   objects[image->program].space, segment->offset, flags);
	l4_addr_t from = (l4_addr_t)image->data + segment->offset, to = segment->begin;

	/* Else each page would be asked for when it is first needed. */
	while (!error && to < segment->end) {
		unsigned order = L4_PAGESHIFT;

		while (to + (2ul << order) <= segment->end && !((from | to) & ((2ul << order) - 1)))
			order++;
		if (l4_error(l4_task_map(process->task, L4_BASE_TASK_CAP,
		                         l4_fpage(from, order, L4_FPAGE_RX), to)) < 0)
			return -ENOMEM;
		from += 1ul << order;
		to += 1ul << order;
	}
	return error;
}

static size_t data_size(const struct image *image)
{
	size_t size = 0;

	for (unsigned i = 0; i < image->count; i++)
		if (image->segment[i].writable)
			size += image->segment[i].end - image->segment[i].begin;
	return size;
}

static int fill_segments(const struct process *process, const struct image *image,
                         struct filling *filling)
{
	size_t at = 0;
	int error = 0;

	for (unsigned i = 0; i < image->count && !error; i++) {
		const struct segment *segment = &image->segment[i];
		size_t size = segment->end - segment->begin;

		if (!segment->writable) {
			error = share_segment(process, image, segment);
			continue;
		}
		memcpy(filling->memory + at + (segment->data - segment->begin),
		       image->data + segment->from, segment->size);
		error = attach(process, segment->begin, size, process->space, at,
		               segment->executable ? L4RE_RM_F_RWX : L4RE_RM_F_RW);
		at += size;
	}
	return error;
}

/* Puts it on the stack; returns its address in the process. */
static l4_addr_t push(struct filling *filling, const void *data, size_t size)
{
	filling->top = (filling->top - size) & ~(size_t)15;
	memcpy(filling->memory + filling->top, data, size);
	return STACK_TOP - (filling->size - filling->top);
}

static l4_addr_t push_environment(struct filling *filling, bool callee)
{
	l4re_env_cap_entry_t caps[3] = {
		{there(PROCESS_PARENT), 0, PROCESS_MARK},
		{there(PROCESS_CALLEE), callee ? 0 : ~0UL, PROCESS_MARK_CALLEE},
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
		.utcb_area = l4_fpage(UTCBS, L4_PAGESHIFT, 0),
		.first_free_utcb = UTCBS + L4_UTCB_OFFSET,
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
	return push(filling, words, (count + AUXILIARY) * sizeof(*words));
}

/* Returns 0 with the stack pointer, or a negative errno. */
static int load(const struct process *process, const struct image *image, sys_cap gate, bool callee,
                const char *environment, size_t environment_size, l4_addr_t *ret_stack)
{
	size_t data = data_size(image);
	struct filling filling = {.size = data + image->stack};
	/* Behind the rings of its gate, whose place is this worker's. */
	void *memory = (char *)memory_place(gate) + FILLING;

	if (filling.size > PLACE_SIZE - FILLING ||
	    l4re_ma_alloc((long)filling.size, process->space, 0) ||
	    l4re_rm_attach(&memory, filling.size, L4RE_RM_F_RW, process->space, 0, L4_PAGESHIFT))
		return -ENOMEM;
	filling.memory = memory;
	int error = fill_segments(process, image, &filling);
	*ret_stack = fill_stack(image, &filling, callee, environment, environment_size);
	l4re_rm_detach_unmap((l4_addr_t)memory, L4_BASE_TASK_CAP);
	if (!error)
		error = attach(process, STACK_TOP - image->stack, image->stack, process->space,
		               data, L4RE_RM_F_RW);
	if (!error)
		error = attach(process, UTCBS, L4_PAGESIZE, L4_INVALID_CAP, 0,
		               L4RE_RM_F_RW | L4RE_RM_F_RESERVED);
	if (!error)
		error = attach(process, image->kip, L4_PAGESIZE, L4_INVALID_CAP, 0,
		               L4RE_RM_F_R | L4RE_RM_F_RESERVED);
	return error;
}

static int run(const struct process *process, const struct image *image, l4_addr_t stack,
               unsigned core)
{
	l4_sched_param_t param = l4_sched_param(PRIORITY_ALL, 0);

	param.affinity = l4_sched_cpu_set(core, 0, 1);
	l4_thread_control_start();
	l4_thread_control_pager(there(PROCESS_RM));
	l4_thread_control_exc_handler(there(PROCESS_PARENT));
	l4_thread_control_bind((l4_utcb_t *)UTCBS, process->task);
	if (l4_error(l4_thread_control_commit(process->thread)) ||
	    l4_error(l4_task_map(process->task, L4_BASE_TASK_CAP,
	                         l4_fpage((l4_addr_t)l4re_kip(), L4_PAGESHIFT, L4_FPAGE_RX),
	                         image->kip)) ||
	    l4_error(l4_scheduler_run_thread(l4re_env()->scheduler, process->thread, &param)) ||
	    l4_error(l4_thread_ex_regs(process->thread, image->entry, stack, 0)))
		return -ENOMEM;
	return 0;
}

int process_start(struct process *process, const struct image *image,
                  const struct sys_window *window, sys_cap gate, const char *environment,
                  size_t environment_size, uint64_t limit, unsigned core)
{
	l4_addr_t stack = 0;

	process->core = core;
	int error = create(process, limit);

	if (!error)
		error = load(process, image, gate, window->callee != SYS_NO_CAP, environment,
		             environment_size, &stack);
	if (!error && !give_all(process, window, &objects[gate]))
		error = -ENOMEM;
	if (!error)
		error = run(process, image, stack, core);
	return error;
}

/* Whatever it does, it is in nobody's way: not the reaper's neither, which will end it. */
void process_stop(struct process *process)
{
	l4_sched_param_t param = l4_sched_param(PRIORITY_STOPPED, 0);

	param.affinity = l4_sched_cpu_set(process->core, 0, 1);
	if (!(process->thread & L4_INVALID_CAP_BIT))
		l4_scheduler_run_thread(l4re_env()->scheduler, process->thread, &param);
}

void process_free(struct process *process)
{
	const l4_cap_idx_t caps[] = {process->thread, process->task,  process->map,
	                             process->memory, process->space, process->factory};

	slots_drop(caps, 6, true);
	*process = (struct process){L4_INVALID_CAP,
	                            L4_INVALID_CAP,
	                            L4_INVALID_CAP,
	                            L4_INVALID_CAP,
	                            L4_INVALID_CAP,
	                            L4_INVALID_CAP,
	                            0};
}

bool process_out_of_memory(const struct process *process)
{
	l4_cap_idx_t space = slot_new();
	bool out = l4re_ma_alloc_align_srv(process->memory, L4_PAGESIZE, space, 0, 0) ||
	           l4re_ds_allocate(space, 0, L4_PAGESIZE);

	slots_drop(&space, 1, false);
	return out;
}
