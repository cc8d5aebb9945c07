#pragma once

/* What libfaas needs of the system besides C and POSIX. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef L4API_l4f
#include <l4/re/env.h>
#include <l4/re/protocols.h>
#include <l4/sys/ipc.h>
#include <l4/sys/kip.h>
#include <l4/sys/utcb.h>

/** os_clock_ns() - the clock of all times of the platform */
static inline uint64_t os_clock_ns(void)
{
	return l4_kip_clock_ns(l4re_kip());
}

/** os_end() - end the process, or at least compute no more */
static inline void os_end(int code)
{
	l4_msg_regs_t *mr = l4_utcb_mr();

	/* As the C library does: signal 0, and the code. */
	mr->mr[0] = 0;
	mr->mr[1] = 0;
	mr->mr[2] = (l4_umword_t)code;
	l4_ipc_call(l4re_env()->parent, l4_utcb(), l4_msgtag(L4RE_PROTO_PARENT, 3, 0, 0),
	            L4_IPC_NEVER);
}

/** os_error_text() - what an errno means; NULL: unknown */
static inline const char *os_error_text(int code)
{
	return strerror(code);
}

/** os_flush() - write what streams hold; where they hold nothing, touch no memory for that */
static inline void os_flush(void)
{
	fflush(NULL);
}
#else
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t os_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline void os_end(int code)
{
	syscall(SYS_exit_group, code);
}

static inline const char *os_error_text(int code)
{
	return strerrordesc_np(code);
}

/* All streams: the C library has them in a list, whose links its headers show. */
extern FILE *_IO_list_all;

static inline void os_flush(void)
{
	for (const FILE *stream = _IO_list_all; stream; stream = stream->_chain)
		if (stream->_IO_write_ptr > stream->_IO_write_base || stream->_mode > 0) {
			fflush(NULL);
			return;
		}
}
#endif
