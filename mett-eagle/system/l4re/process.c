#include "process.h"

#include <errno.h>
#include <l4/re/c/dataspace.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/env.h>
#include <l4/re/protocols.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/scheduler.h>
#include <l4/sys/task.h>
#include <l4/sys/thread.h>

#include "later.h"
#include "load.h"

static l4_cap_idx_t there(enum process_cap cap)
{
	return (l4_cap_idx_t)cap << L4_CAP_SHIFT;
}

static bool give(const struct body *body, l4_cap_idx_t cap, enum process_cap to,
                 unsigned char rights)
{
	return l4_error(l4_task_map(body_cap(body, BODY_TASK), L4_BASE_TASK_CAP,
	                            l4_obj_fpage(cap, 0, rights),
	                            l4_map_obj_control(there(to), L4_MAP_ITEM_MAP))) >= 0;
}

static bool give_bells(const struct body *body, sys_cap window, enum process_cap to)
{
	const struct object *object = &objects[window];

	return give(body, object->bell[0], to, L4_CAP_FPAGE_RWS) &&
	       give(body, object->bell[1], to + 1, L4_CAP_FPAGE_RWS);
}

/* Without the right to map into its own task: it cannot have a page of its own at two places. */
static bool give_all(const struct body *body, const struct sys_window *window,
                     const struct object *gate)
{
	return give(body, body_cap(body, BODY_TASK), PROCESS_TASK, L4_CAP_FPAGE_RO) &&
	       give(body, body_cap(body, BODY_THREAD), PROCESS_THREAD, L4_CAP_FPAGE_RWS) &&
	       give(body, body_cap(body, BODY_MAP), PROCESS_RM, L4_CAP_FPAGE_RWS) &&
	       give(body, body_cap(body, BODY_MEMORY), PROCESS_MEMORY, L4_CAP_FPAGE_RWS) &&
	       give(body, body_cap(body, BODY_FACTORY), PROCESS_FACTORY, L4_CAP_FPAGE_RWS) &&
	       give(body, gate->gate, PROCESS_PARENT, L4_CAP_FPAGE_RWS) &&
	       give(body, gate->gate, PROCESS_LOG, L4_CAP_FPAGE_RO) &&
	       give(body, gate->bell[1], PROCESS_BELL, L4_CAP_FPAGE_RWS) &&
	       give(body, gate->bell[0], PROCESS_SERVER_BELL, L4_CAP_FPAGE_RW) &&
	       give_bells(body, window->cap, PROCESS_WINDOW_BELLS) &&
	       (window->callee == SYS_NO_CAP ||
	        give_bells(body, window->callee, PROCESS_CALLEE_BELLS));
}

static int create(const struct body *body, uint64_t limit)
{
	l4_cap_idx_t memory = l4re_env()->mem_alloc, purse = body_cap(body, BODY_PURSE);

	if (limit ? l4_error(l4_factory_create_factory(memory, body_cap(body, BODY_MEMORY), limit))
	          : l4_error(l4_task_map(
			    L4_BASE_TASK_CAP, L4_BASE_TASK_CAP,
			    l4_obj_fpage(memory, 0, L4_CAP_FPAGE_RWS),
			    l4_map_obj_control(body_cap(body, BODY_MEMORY), L4_MAP_ITEM_MAP) |
				    L4_FPAGE_C_OBJ_RIGHTS)) < 0)
		return -ENOMEM;
	if (l4_error(l4_factory_create(memory, L4RE_PROTO_RM, body_cap(body, BODY_MAP))) ||
	    l4_error(l4_factory_create_thread(purse, body_cap(body, BODY_THREAD))) ||
	    l4_error(l4_factory_create_factory(purse, body_cap(body, BODY_FACTORY),
	                                       PROCESS_KERNEL_MEMORY)))
		return -ENOMEM;
	return 0;
}

static int run(const struct body *body, l4_addr_t stack)
{
	l4_cap_idx_t thread = body_cap(body, BODY_THREAD);
	l4_sched_param_t param = l4_sched_param(PRIORITY_ALL, 0);

	param.affinity = l4_sched_cpu_set(body->core, 0, 1);
	l4_thread_control_start();
	l4_thread_control_pager(there(PROCESS_RM));
	l4_thread_control_exc_handler(there(PROCESS_PARENT));
	l4_thread_control_bind((l4_utcb_t *)BODY_UTCBS, body_cap(body, BODY_TASK));
	if (l4_error(l4_thread_control_commit(thread)) ||
	    l4_error(l4_scheduler_run_thread(l4re_env()->scheduler, thread, &param)) ||
	    l4_error(l4_thread_ex_regs(thread, BODY_BEGIN, stack, 0)))
		return -ENOMEM;
	return 0;
}

int process_start(struct process *process, struct stock *stock, bool wait,
                  const struct image *image, const struct sys_window *window, sys_cap gate,
                  const char *environment, size_t environment_size, uint64_t limit, unsigned core)
{
	struct body *body;
	l4_addr_t stack = 0;
	int error = stock_take(stock, wait, core, &body);

	if (error)
		return error;
	process->body = body;
	process->stopped = false;
	process->window = window->cap;
	process->callee = window->callee;
	error = create(body, limit);
	if (!error)
		error = load(body, image, body_cap(body, BODY_MAP), gate, window->cap,
		             window->callee, environment, environment_size, &stack);
	if (!error && !give_all(body, window, &objects[gate]))
		error = -ENOMEM;
	if (!error)
		error = run(body, stack);
	return error;
}

static struct worker_window *memory_of(sys_cap window)
{
	struct object *object = object_of(window, OBJECT_SPACE);

	return object ? object->memory : NULL;
}

/* Where it slept it waits still, and would take the wake-up of the next one. */
static void leave_words(const struct process *process)
{
	struct worker_window *window = memory_of(process->window);
	struct worker_window *callee = memory_of(process->callee);

	if (window)
		sys_word_wake(&window->turn);
	if (callee)
		sys_word_wake(&callee->call);
}

/* Whatever it waited for, it sleeps when it runs next; and is in nobody's way until it is ended. */
void process_stop(struct process *process)
{
	l4_sched_param_t param = l4_sched_param(PRIORITY_STOPPED, 0);

	if (!process->body || process->stopped)
		return;
	process->stopped = true;
	l4_thread_ex_regs(body_cap(process->body, BODY_THREAD), BODY_REST, BODY_STACK_TOP,
	                  L4_THREAD_EX_REGS_CANCEL);
	leave_words(process);
	param.affinity = l4_sched_cpu_set(process->body->core, 0, 1);
	l4_scheduler_run_thread(l4re_env()->scheduler, body_cap(process->body, BODY_THREAD),
	                        &param);
}

/* Also one that said that it ends: its window may be another's before its thread is deleted. */
void process_free(struct process *process)
{
	process_stop(process);
	if (process->body)
		recycle(process->body);
	process->body = NULL;
}

bool process_out_of_memory(const struct process *process)
{
	l4_cap_idx_t memory = body_cap(process->body, BODY_MEMORY), space = slot_new();
	bool out = l4re_ma_alloc_align_srv(memory, L4_PAGESIZE, space, 0, 0) ||
	           l4re_ds_allocate(space, 0, L4_PAGESIZE);

	slots_drop(&space, 1, false);
	return out;
}
