/*
 * Last words. On its own stack, because the usual one may be what is used up;
 * and without stdio, because the crash may have come from there.
 */
#include "private.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

enum {
	STACK_SIZE = 64 << 10,
	STACK_STRIDE = 64 << 10, /* how far from the stack pointer an overflow may strike */
	SCARCE = 256 << 10,      /* less than malloc() asks the kernel for at a time */
};

static const struct {
	int signal;
	const char *text;
} crashes[] = {
	{SIGSEGV, "segmentation fault"},
	{SIGBUS, "bus error"},
	{SIGFPE, "arithmetic error"},
	{SIGILL, "illegal instruction"},
};

void faas_check_memory(void)
{
	if (!faas_state.worker)
		return;
	void *memory =
		mmap(NULL, SCARCE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		munmap(memory, SCARCE);
	else if (errno == ENOMEM)
		mett_worker_note_memory(faas_state.worker);
}

static const char *describe(int signal, const siginfo_t *info, const ucontext_t *context)
{
	uintptr_t stack = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];

	if (signal == SIGSEGV &&
	    (uintptr_t)info->si_addr - (stack - STACK_STRIDE) < 2 * (uintptr_t)STACK_STRIDE)
		return "stack overflow";
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		if (crashes[i].signal == signal)
			return crashes[i].text;
	return "signal";
}

static char *append(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *append_hex(char *to, uintptr_t value)
{
	int shift = 0;

	while (shift < 60 && value >> shift >> 4)
		shift += 4;
	for (to = append(to, "0x"); shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	return to;
}

/* The handler is gone once it ran: the instruction is tried again, and that ends us. */
static void on_crash(int signal, siginfo_t *info, void *data)
{
	const ucontext_t *context = data;
	char line[128], *end = line;

	end = append(end, "faas: ");
	end = append(end, describe(signal, info, context));
	end = append(end, " at address ");
	end = append_hex(end, (uintptr_t)info->si_addr);
	end = append(end, ", instruction ");
	end = append_hex(end, (uintptr_t)context->uc_mcontext.gregs[REG_RIP]);
	end = append(end, "\n");
	(void)!write(STDERR_FILENO, line, (size_t)(end - line));
	faas_check_memory();
}

int faas_crash_init(void)
{
	static char stack[STACK_SIZE];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {
		.sa_sigaction = on_crash,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND,
	};

	if (sigaltstack(&alternate, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		if (sigaction(crashes[i].signal, &action, NULL) < 0)
			return -errno;
	return 0;
}
