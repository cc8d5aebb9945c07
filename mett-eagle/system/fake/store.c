/* One store for the whole process: what it holds stays when it is closed. */
#include "private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../store.h"

enum { NAME_SIZE = 2 * METT_NAME_MAX + 2 }; /* "SPACE@KEY", or a digest */

struct item {
	struct item *next; /* sorted by name */
	bool is_code;
	bool damaged;
	size_t size;
	char name[NAME_SIZE];
	_Alignas(16) unsigned char data[];
};

struct sys_store {
	struct item *items;
	unsigned aside;
	int error; /* what its writers return */
	bool doubts;
	bool open;
	bool read; /* by sys_store_each(), now: of the thread that has the lock */
};

static struct sys_store shelf;

/*
 * Of the shelf and all on it; taken before fake_lock(). Recursive: who is shown all records
 * may fetch programs meanwhile.
 */
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void lock(void)
{
	pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

static void misuse(const char *what)
{
	fprintf(stderr, "# misuse of a store: %s\n", what);
	abort();
}

/* The place of a name: of that item, or of the one behind which it would be. */
static struct item **place_of(bool is_code, const char *name)
{
	struct item **place = &shelf.items;

	while (*place && ((*place)->is_code < is_code ||
	                  ((*place)->is_code == is_code && strcmp((*place)->name, name) < 0)))
		place = &(*place)->next;
	return place;
}

static bool is_at(struct item *const *place, bool is_code, const char *name)
{
	return *place && (*place)->is_code == is_code && !strcmp((*place)->name, name);
}

static void take_out(struct item **place)
{
	struct item *item = *place;

	*place = item->next;
	free(item);
}

static void put_in(bool is_code, const char *name, const void *data, size_t size)
{
	struct item **place = place_of(is_code, name);
	struct item *item = fake_alloc(sizeof(*item) + size);

	if (is_at(place, is_code, name))
		take_out(place);
	item->next = *place;
	item->is_code = is_code;
	item->size = size;
	strcpy(item->name, name);
	memcpy(item->data, data, size);
	*place = item;
}

int sys_store_open(const char *path, struct sys_store **ret, char *why, size_t size)
{
	lock();
	int error = fake_fails() ? -ENOMEM : shelf.open ? -EBUSY : 0;
	shelf.open |= !error;
	unlock();
	if (error) {
		snprintf(why, size, "store '%s': %s", path, strerror(-error));
		return error;
	}
	*ret = &shelf;
	return 0;
}

void sys_store_close(struct sys_store *store)
{
	if (!store)
		return;
	lock();
	if (!store->open)
		misuse("it was closed already");
	store->open = false;
	unlock();
}

/* What a call that would change it comes to. */
static int writable(void)
{
	if (!shelf.open)
		misuse("it is closed");
	if (shelf.read)
		misuse("it is changed while all is seen");
	return fake_fails() ? -ENOSPC : shelf.error;
}

/* Four sums of 64 bits, which only look as if they were a good one. */
static void digest_of(const unsigned char *data, size_t size, char *ret)
{
	for (unsigned part = 0; part < 4; part++) {
		uint64_t sum = 14695981039346656037u + part; /* FNV-1a */

		for (size_t i = 0; i < size; i++)
			sum = (sum ^ data[i]) * 1099511628211u;
		snprintf(ret + 16 * part, 17, "%016llx", (unsigned long long)sum);
	}
}

static bool is_digest(const char *text)
{
	return text && strnlen(text, SYS_STORE_DIGEST_SIZE) == SYS_STORE_DIGEST_SIZE - 1;
}

int sys_store_name_code(sys_cap program, char *ret)
{
	size_t size;

	if (sys_dataspace_check(program, &size) || !size)
		return -EINVAL;
	if (fake_fails())
		return -ENOMEM;
	fake_lock();
	digest_of(fake_object(program)->memory, size, ret);
	fake_unlock();
	return 0;
}

int sys_store_put_code(struct sys_store *store, sys_cap program, char *ret)
{
	char digest[SYS_STORE_DIGEST_SIZE];
	size_t size;

	if (sys_dataspace_check(program, &size) || !size)
		return -EINVAL;
	lock();
	int error = writable();
	if (!error) {
		fake_lock();
		const void *data = fake_object(program)->memory;
		digest_of(data, size, digest);
		put_in(true, digest, data, size);
		fake_unlock();
		strcpy(ret, digest);
	}
	unlock();
	return error;
}

int sys_store_get_code(struct sys_store *store, const char *digest, sys_cap *ret_program)
{
	int error = !is_digest(digest) ? -EINVAL : fake_fails() ? -ENOMEM : 0;

	if (error)
		return error;
	lock();
	struct item **place = place_of(true, digest), *item = *place;
	void *copy = NULL;
	size_t size = 0;
	if (!is_at(place, true, digest)) {
		error = -ENOENT;
	} else if (item->damaged) {
		take_out(place);
		shelf.aside++;
		error = -EBADMSG;
	} else {
		size = item->size;
		copy = memcpy(fake_alloc(size), item->data, size);
	}
	unlock();
	if (!error)
		*ret_program = fake_dataspace(copy, size);
	free(copy);
	return error;
}

static int take_named(bool is_code, const char *name)
{
	lock();
	int error = writable();
	struct item **place = place_of(is_code, name);
	if (!error && is_at(place, is_code, name))
		take_out(place);
	unlock();
	return error;
}

int sys_store_drop_code(struct sys_store *store, const char *digest)
{
	return is_digest(digest) ? take_named(true, digest) : -EINVAL;
}

int sys_store_sweep_code(struct sys_store *store, int (*wanted)(void *context, const char *digest),
                         void *context)
{
	lock();
	int error = writable(), dropped = 0;
	for (struct item **place = &shelf.items; *place && !error;) {
		if (!(*place)->is_code || wanted(context, (*place)->name)) {
			place = &(*place)->next;
			continue;
		}
		take_out(place);
		dropped++;
	}
	unlock();
	return error ? error : dropped;
}

static int name_of(const char *space, const char *key, char ret[NAME_SIZE])
{
	if (!mett_name_valid(space) || !key || (*key && !mett_name_valid(key)))
		return -EINVAL;
	snprintf(ret, NAME_SIZE, "%s@%s", space, key);
	return 0;
}

int sys_store_put(struct sys_store *store, const char *space, const char *key, const void *data,
                  size_t size)
{
	char name[NAME_SIZE];

	if (name_of(space, key, name) || size > SYS_STORE_RECORD_MAX)
		return -EINVAL;
	lock();
	int error = writable();
	if (!error) {
		put_in(false, name, data, size);
		error = shelf.doubts ? -EIO : 0;
		shelf.doubts = false;
	}
	unlock();
	return error;
}

int sys_store_remove(struct sys_store *store, const char *space, const char *key)
{
	char name[NAME_SIZE];

	return name_of(space, key, name) ? -EINVAL : take_named(false, name);
}

int sys_store_each(struct sys_store *store,
                   int (*each)(void *context, const char *space, const char *key, const void *data,
                               size_t size),
                   void *context)
{
	lock();
	int error = writable(), unseen = 0;
	shelf.read = true;
	for (struct item **place = &shelf.items; *place && !(*place)->is_code && !error;) {
		struct item *item = *place;
		char space[NAME_SIZE];

		strcpy(space, item->name);
		char *key = strchr(space, '@');
		*key++ = 0;
		int result = item->damaged ? -EBADMSG
		                           : each(context, space, key, item->data, item->size);
		if (result == -EBADMSG) {
			take_out(place);
			shelf.aside++;
			unseen++;
			continue;
		}
		error = result;
		place = &item->next;
	}
	shelf.read = false;
	unlock();
	return error ? error : unseen;
}

void fake_store_fails(int error)
{
	lock();
	shelf.error = error;
	unlock();
}

void fake_store_doubts(void)
{
	lock();
	shelf.doubts = true;
	unlock();
}

static void damage(bool is_code, const char *name)
{
	lock();
	struct item **place = place_of(is_code, name);
	if (!is_at(place, is_code, name))
		misuse("what is to be damaged is not there");
	(*place)->damaged = true;
	unlock();
}

void fake_store_damage(const char *space, const char *key)
{
	char name[NAME_SIZE];

	if (name_of(space, key, name))
		misuse("that is no record's name");
	damage(false, name);
}

void fake_store_damage_code(const char *digest)
{
	damage(true, digest);
}

unsigned fake_store_aside(void)
{
	lock();
	unsigned aside = shelf.aside;
	unlock();
	return aside;
}

unsigned fake_store_count(int is_code)
{
	unsigned count = 0;

	lock();
	for (const struct item *item = shelf.items; item; item = item->next)
		count += item->is_code == is_code;
	unlock();
	return count;
}

void fake_store_forget(void)
{
	lock();
	while (shelf.items)
		take_out(&shelf.items);
	shelf = (struct sys_store){.open = shelf.open};
	unlock();
}
