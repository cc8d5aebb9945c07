/*
 * There is no store here: nothing can be opened, so that the rest is never called. Named
 * namespaces live as long as the server.
 */
#include "../store.h"

#include <errno.h>
#include <libfmt/fmt.h>

int sys_store_open(const char *path, struct sys_store **ret, char *why, size_t size)
{
	(void)ret;
	fmt_format(why, size, "cannot keep state in {}: on L4Re there is no store", path);
	return -ENOSYS;
}

void sys_store_close(struct sys_store *store)
{
	(void)store;
}

int sys_store_name_code(sys_cap program, char *ret)
{
	(void)program;
	(void)ret;
	return -ENOSYS;
}

int sys_store_put_code(struct sys_store *store, sys_cap program, char *ret)
{
	(void)store;
	(void)program;
	(void)ret;
	return -ENOSYS;
}

int sys_store_get_code(struct sys_store *store, const char *digest, sys_cap *ret_program)
{
	(void)store;
	(void)digest;
	(void)ret_program;
	return -ENOSYS;
}

int sys_store_drop_code(struct sys_store *store, const char *digest)
{
	(void)store;
	(void)digest;
	return -ENOSYS;
}

int sys_store_sweep_code(struct sys_store *store, int (*wanted)(void *context, const char *digest),
                         void *context)
{
	(void)store;
	(void)wanted;
	(void)context;
	return -ENOSYS;
}

int sys_store_put(struct sys_store *store, const char *space, const char *key, const void *data,
                  size_t size)
{
	(void)store;
	(void)space;
	(void)key;
	(void)data;
	(void)size;
	return -ENOSYS;
}

int sys_store_remove(struct sys_store *store, const char *space, const char *key)
{
	(void)store;
	(void)space;
	(void)key;
	return -ENOSYS;
}

int sys_store_each(struct sys_store *store,
                   int (*each)(void *context, const char *space, const char *key, const void *data,
                               size_t size),
                   void *context)
{
	(void)store;
	(void)each;
	(void)context;
	return -ENOSYS;
}
