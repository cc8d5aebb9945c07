#pragma once

/* What the parts of the store on Linux know of each other. */
#include "../store.h"

#include <stdatomic.h>

#include "folder.h"

struct sys_store {
	int lock;
	int code;       /* programs, by their digests */
	int records;    /* see record.h */
	int draft;      /* what is being written */
	int quarantine; /* what was damaged */
	_Atomic uint64_t drafts;
	char *path;
};

/**
 * store_set_aside() - move a damaged file, link or folder into the quarantine, and log it
 * @folder: that it is in; @kind, what it is called, and @why are for the log
 *
 * Where it cannot be moved it stays, which is logged too.
 */
void store_set_aside(struct sys_store *store, int folder, const char *kind, const char *name,
                     const char *why);

/** store_write() - folder_write(), with a folder that is in its place set aside */
int store_write(struct sys_store *store, int folder, const char *kind, const char *name,
                const struct folder_part *parts, unsigned count);
