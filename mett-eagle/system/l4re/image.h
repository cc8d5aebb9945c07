#pragma once

/* A program, looked at once for all processes that are started of it. */
#include "object.h"

enum { SEGMENTS_MAX = 8 };

struct segment {
	l4_addr_t begin, end; /* whole pages */
	size_t offset;        /* in the file, of `begin` where nothing is written */
	l4_addr_t data;       /* where the file's bytes go */
	size_t size;          /* of these */
	size_t from;          /* in the file */
	bool writable, executable;
};

struct image {
	sys_cap program;
	sys_cap place;             /* entry whose place in memory the file has */
	const unsigned char *data; /* the file */
	size_t size;
	l4_addr_t entry, headers;
	unsigned header_count;
	l4_addr_t kip;
	size_t stack;
	unsigned count;
	struct segment segment[SEGMENTS_MAX];
};

/** image_open() - of a sealed dataspace; 0, or a negative errno with @why, static */
int image_open(struct image *image, sys_cap program, const char **why);

/** image_close() - does nothing the second time */
void image_close(struct image *image);
