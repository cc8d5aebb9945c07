/*
 * A worker's program: it was given all it has before it began, see process.h.
 */
#include "../program.h"

#include <l4/re/env.h>
#include <l4/re/protocols.h>
#include <l4/sys/ipc.h>
#include <l4/sys/vcon.h>
#include <unistd.h>

#include <worker/internal.h>

#include "gate.h"
#include "memory.h"
#include "process.h"
#include "remote.h"

OBJECTS(128);

static l4_cap_idx_t here(enum process_cap cap)
{
	return (l4_cap_idx_t)cap << L4_CAP_SHIFT;
}

static void adopt_window(sys_cap cap, enum process_cap bells)
{
	object_adopt(OBJECT_SPACE, cap);
	objects[cap].foreign = true;
	objects[cap].given = true;
	objects[cap].size = sizeof(struct worker_window);
	objects[cap].memory = memory_place(cap);
	objects[cap].bell[0] = here(bells);
	objects[cap].bell[1] = here(bells + 1);
}

static bool given(const char *name)
{
	return !(l4re_env_get_cap(name) & L4_INVALID_CAP_BIT);
}

const char *mett_program_role(int argc, char **argv)
{
	struct object *gate = &objects[WORKER_GATE];

	(void)argc;
	(void)argv;
	objects_init();
	if (!given(PROCESS_MARK))
		return NULL;
	remote_init();
	object_adopt(OBJECT_GATE, WORKER_GATE);
	gate->foreign = true;
	gate->size = sizeof(struct gate_memory);
	gate->bell[0] = here(PROCESS_BELL);
	gate->bell[1] = here(PROCESS_SERVER_BELL);
	gate->gate = here(PROCESS_PARENT);
	gate->memory = memory_place(WORKER_GATE);
	gate_begin(gate, 1);
	adopt_window(WORKER_WINDOW, PROCESS_WINDOW_BELLS);
	return "worker";
}

sys_cap mett_program_callee(void)
{
	if (!given(PROCESS_MARK_CALLEE))
		return SYS_NO_CAP;
	adopt_window(PROCESS_CALLEE, PROCESS_CALLEE_BELLS);
	return PROCESS_CALLEE;
}

/*
 * The C library's heap begins in memory that the process has from the start. Only what
 * does not fit into that is allocated: by a dataspace of 256 MiB, of which moe looks at
 * each page when it is deleted.
 */
enum { HEAP = 32 << 10 };

void *__real_uclibc_morecore(long bytes);
void *__wrap_uclibc_morecore(long bytes);

void *__wrap_uclibc_morecore(long bytes)
{
	static _Alignas(L4_PAGESIZE) char heap[HEAP];
	static char *end = heap;
	static bool beyond;

	if (!beyond && bytes <= heap + HEAP - end) {
		char *begin = end;

		if (bytes > 0)
			end += l4_round_page((l4_addr_t)bytes);
		return bytes > 0 ? begin : end;
	}
	beyond = true;
	return __real_uclibc_morecore(bytes);
}

void mett_program_leave(int code)
{
	l4_msg_regs_t *mr = l4_utcb_mr();

	mr->mr[0] = 0;
	mr->mr[1] = 0;
	mr->mr[2] = (l4_umword_t)code;
	l4_ipc_call(l4re_env()->parent, l4_utcb(), l4_msgtag(L4RE_PROTO_PARENT, 3, 0, 0),
	            L4_IPC_NEVER);
	for (;;)
		l4_ipc_sleep(L4_IPC_NEVER);
}

void mett_program_say(const char *text, size_t size)
{
	while (size) {
		size_t part = size < L4_VCON_WRITE_SIZE ? size : L4_VCON_WRITE_SIZE;

		l4_vcon_send(l4re_env()->log, text, (unsigned)part);
		text += part;
		size -= part;
	}
}

/* Since it was last asked. The server may have what was written, and not have counted it yet. */
static bool wrote;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	wrote = true;
	return __real_write(fd, data, size);
}

int mett_program_silent(void)
{
	const struct gate_memory *memory = objects[WORKER_GATE].memory;
	bool silent = !wrote && !atomic_load(&memory->logged);

	wrote = false;
	return silent;
}

/* A client's priority is above this one's: on the same core it has run by now. */
void mett_program_make_way(const _Atomic uint32_t *word, uint32_t value)
{
	(void)word;
	(void)value;
}

void mett_program_rest(void)
{
	l4_ipc_sleep(L4_IPC_NEVER);
}

/* Pages come one by one here: those that will be written are touched. */
void mett_program_populate(void *memory, size_t size)
{
	for (size_t at = 0; at < size; at += L4_PAGESIZE)
		(void)*((volatile unsigned char *)memory + at);
}

/* Nothing is forked here, and nothing but compiled functions run. */
void mett_worker_serve_forks(void)
{
	mett_worker_die("nothing is forked on L4Re");
}

int mett_worker_function_fd(void)
{
	mett_worker_die_without_function();
}
