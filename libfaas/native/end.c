/*
 * Ends without an answer. These stand in for the C library's own, by being
 * linked before them: so exit(), assert() and std::terminate() report too.
 */
#include "os.h"
#include "private.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef L4API_l4f /* its C library's own abort() cannot be left out */
/* The C library's place for the last words of assert(): abort() comes with it. */
void *__abort_msg;
#endif

static __attribute__((noreturn)) void end(int signal, int code)
{
	if (faas_state.worker)
		mett_worker_signal(faas_state.worker, signal, signal ? 0 : code);
	for (;;)
		os_end(code);
}

void _exit(int code)
{
	end(0, code);
}

void _Exit(int code)
{
	end(0, code);
}

#ifndef L4API_l4f
/* No signal can be sent from within the sandbox, to oneself neither: only told of. */
void abort(void)
{
	faas_check_memory();
	end(SIGABRT, 128 + SIGABRT);
}
#endif
