#include "python.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system/ipc.h>

#include "fail.h"
#include "scene.h"

#define PYTHON_PROGRAM "/usr/bin/python3"

enum { PAGE = 4096 };

int64_t python_call(void *scene)
{
	return scene_call_named(scene, "python");
}

/* Written once, so that it is there; only those who are forked here shall have it. */
static unsigned char *memory(void)
{
	static unsigned char *pages;

	if (pages)
		return pages;
	pages = mmap(NULL, (size_t)PYTHON_PAGES * PAGE, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		fail("memory to fork", -errno);
	madvise(pages, (size_t)PYTHON_PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(pages, 1, (size_t)PYTHON_PAGES * PAGE);
	return pages;
}

int64_t python_fork(void *data)
{
	unsigned char *pages = memory();

	madvise(pages, (size_t)PYTHON_PAGES * PAGE, MADV_DOFORK);
	uint64_t start = sys_clock_ns();
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < PYTHON_WRITTEN; i++)
			((volatile unsigned char *)
			         pages)[i * (PYTHON_PAGES / PYTHON_WRITTEN) * PAGE] = 2;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		return -errno;
	int64_t took = (int64_t)(sys_clock_ns() - start);
	madvise(pages, (size_t)PYTHON_PAGES * PAGE, MADV_DONTFORK);
	return took;
}

int64_t python_start(void *data)
{
	static char *const argv[] = {"python3", "-S", "-c", "", NULL}, *const envp[] = {NULL};
	uint64_t start = sys_clock_ns();
	int status;
	pid_t pid;
	int error = posix_spawn(&pid, PYTHON_PROGRAM, NULL, NULL, argv, envp);

	if (error || waitpid(pid, &status, 0) != pid)
		return error ? -error : -errno;
	return status ? -ENOEXEC : (int64_t)(sys_clock_ns() - start);
}
