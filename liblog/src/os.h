#pragma once

/* What liblog needs of the system besides C and POSIX. */
#include <string.h>

#ifdef L4API_l4f
#include <l4/sys/err.h>
#include <pthread-l4.h>

/** os_thread_id() - number of the calling thread; on L4Re its capability */
static inline int os_thread_id(void)
{
	return (int)(pthread_l4_cap(pthread_self()) >> L4_CAP_SHIFT);
}

/** os_thread_name() - name of the calling thread, where the system knows names */
static inline void os_thread_name(char name[16])
{
	*name = 0;
}

/** os_error_text() - what an errno means; NULL: unknown */
static inline const char *os_error_text(int code)
{
	return strerror(code);
}

/** os_error_name() - as "ENOENT"; NULL: unknown */
static inline const char *os_error_name(int code)
{
	(void)code;
	return NULL;
}
#else
#include <sys/prctl.h>
#include <unistd.h>

static inline int os_thread_id(void)
{
	return gettid();
}

static inline void os_thread_name(char name[16])
{
	*name = 0;
	prctl(PR_GET_NAME, name);
}

static inline const char *os_error_text(int code)
{
	return strerrordesc_np(code);
}

static inline const char *os_error_name(int code)
{
	return strerrorname_np(code);
}
#endif
