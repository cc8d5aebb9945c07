#include "../program.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOG = 2 }; /* the end of a pipe */

const char *mett_program_role(int argc, char **argv)
{
	return argc < 2 ? NULL : argv[1];
}

sys_cap mett_program_callee(void)
{
	return SYS_NO_CAP; /* only a zygote's children are given one */
}

/* Not _exit(): a runtime may have its own, which reports to the server. */
void mett_program_leave(int code)
{
	for (;;)
		syscall(SYS_exit_group, code);
}

void mett_program_say(const char *text, size_t size)
{
	(void)!write(LOG, text, size);
}

int mett_program_silent(void)
{
	int size;

	return ioctl(LOG, FIONREAD, &size) == 0 && size == 0;
}

void mett_program_make_way(const _Atomic uint32_t *word, uint32_t value)
{
	static const struct timespec moment = {.tv_nsec = 1};

	if (atomic_load_explicit(word, memory_order_relaxed) == value)
		sched_yield();
	/* To yield is to offer: who has had less of the core is chosen all the same. */
	if (atomic_load_explicit(word, memory_order_relaxed) == value)
		nanosleep(&moment, NULL);
}

void mett_program_rest(void)
{
	pause();
}

void mett_program_populate(void *memory, size_t size)
{
	madvise(memory, size, MADV_POPULATE_READ);
}
