#pragma once

/*
 * Record: how one of the store's records looks as a file. Its checksum covers its name
 * too: one that was renamed, or copied over another, is found out.
 */
#include <stddef.h>
#include <stdint.h>

#include <mett-eagle/common.h>

enum {
	RECORD_DIGEST = 32, /* bytes of a SHA-256 */
	RECORD_NAME_SIZE = 2 * METT_NAME_MAX + 2,
};

/** struct record_header - what stands before the data; all of this machine's byte order */
struct record_header {
	char magic[8]; /* RECORD_MAGIC */
	uint32_t size; /* of the data */
	uint32_t reserved;
	uint8_t digest[RECORD_DIGEST]; /* of all before it, of the name with its zero, of the data
	                                */
};

#define RECORD_MAGIC "METTREC1"

/**
 * record_name() - the file's name: space, '@', key
 * @key: "" for the space's own
 * @ret: RECORD_NAME_SIZE bytes
 *
 * Return: 0, or -EINVAL when a name is not lawful.
 */
int record_name(const char *space, const char *key, char *ret);

/**
 * record_parse() - the names of space and key in a file's
 * @ret_space, @ret_key: METT_NAME_MAX + 1 bytes each
 *
 * Return: 0, or -EINVAL when it is no name of a record.
 */
int record_parse(const char *name, char *ret_space, char *ret_key);

/** record_seal() - the header for these data in a file of that name */
void record_seal(struct record_header *ret, const char *name, const void *data, size_t size);

/**
 * record_check() - are these bytes a record, whole and of that name?
 * @file: @size bytes of a file, aligned for any type
 *
 * Return: NULL, with the data's size in @ret_size; they stand behind the header. Else what is
 * wrong with it; static.
 */
const char *record_check(const void *file, size_t size, const char *name, size_t *ret_size);
