#pragma once

/* What tests of the store share: a folder for it, and short ways to say what must be in it. */
#include "store.h"

#include <mett-eagle/common.h>

#include "test.h"

#include <stddef.h>

enum { SHELF_PATH = 64 };

/** struct shelf - a store in a folder of its own */
struct shelf {
	char path[SHELF_PATH];
	struct sys_store *store; /* NULL: closed */
};

/** shelf_new() - an empty one, open; in $TMPDIR, else /tmp */
void shelf_new(struct shelf *ret);

/** shelf_reopen() - as a server that starts anew */
void shelf_reopen(struct shelf *shelf);

/** shelf_free() - close it, and remove the folder with all in it */
void shelf_free(struct shelf *shelf);

/** shelf_file() - path of a file in it; valid until the fourth call from now */
const char *shelf_file(const struct shelf *shelf, const char *name);

/** shelf_count() - names in one of its folders; -1 when it is none */
int shelf_count(const struct shelf *shelf, const char *folder);

/** shelf_records() - all records as "space/key=text;", sorted; valid until the next call */
const char *shelf_records(struct shelf *shelf);

/** shelf_put() - a record with that text; must do */
void shelf_put(struct shelf *shelf, const char *space, const char *key, const char *text);

/** shelf_code() - keep a program of these bytes; must do. Its digest, valid until the next call. */
const char *shelf_code(struct shelf *shelf, const void *data, size_t size);

/** shelf_program() - a sealed dataspace of these bytes; the caller's */
sys_cap shelf_program(const void *data, size_t size);

/** shelf_has_code() - 0 when that program is there and holds these bytes, else what fetching says
 */
int shelf_has_code(struct shelf *shelf, const char *digest, const void *data, size_t size);

/** file_write() - make a file of these bytes, or have it hold them */
void file_write(const char *path, const void *data, size_t size);

/** file_read() - the bytes of a file, which are at most @room; returns their number */
size_t file_read(const char *path, void *ret, size_t room);
