/*
 * Failures on demand. The test programs are linked so that the memory functions
 * of what they test end here (--wrap).
 */
#include "private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What is so large is a window: as from the kernel, its memory is zero without being touched. */
enum { UNTOUCHED = 4 << 20 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data);

void *fake_alloc(size_t size)
{
	void *memory = __real_calloc(1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

void fake_pages(struct object *dataspace, size_t size)
{
	void *memory;

	if (size >= UNTOUCHED) {
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		              0);
		if (memory == MAP_FAILED)
			abort();
		dataspace->mapped = size;
	} else {
		if (posix_memalign(&memory, 4096, size ? size : 1))
			abort();
		memset(memory, 0, size);
	}
	dataspace->memory = memory;
	dataspace->size = size;
}

void fake_pages_free(struct object *dataspace)
{
	if (dataspace->mapped)
		munmap(dataspace->memory, dataspace->mapped);
	else
		free(dataspace->memory);
}

void fake_fail(unsigned after)
{
	fake_lock();
	fake.fail_after = (int)after;
	fake.failed = false;
	fake_unlock();
}

int fake_failed(void)
{
	fake_lock();
	fake.fail_after = -1;
	bool failed = fake.failed;
	fake_unlock();
	return failed;
}

bool fake_fails(void)
{
	fake_lock();
	bool fails = fake.fail_after == 0;
	if (fake.fail_after >= 0)
		fake.fail_after--;
	fake.failed |= fails;
	pthread_mutex_unlock(&fake.mutex);
	return fails;
}

void *__wrap_malloc(size_t size)
{
	return fake_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fake_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fake_fails() ? NULL : __real_realloc(memory, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data)
{
	return fake_fails() ? EAGAIN : __real_pthread_create(thread, attributes, start, data);
}
