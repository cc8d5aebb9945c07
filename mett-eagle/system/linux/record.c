#include "record.h"

#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "../store.h"

_Static_assert(RECORD_DIGEST == SHA256_DIGEST_LENGTH, "a SHA-256 has as many bytes");

int record_name(const char *space, const char *key, char *ret)
{
	if (!mett_name_valid(space) || !key || (*key && !mett_name_valid(key)))
		return -EINVAL;
	snprintf(ret, RECORD_NAME_SIZE, "%s@%s", space, key);
	return 0;
}

int record_parse(const char *name, char *ret_space, char *ret_key)
{
	const char *at = strchr(name, '@');
	size_t length = at ? (size_t)(at - name) : 0;

	if (!at || length > METT_NAME_MAX || strlen(at + 1) > METT_NAME_MAX)
		return -EINVAL;
	memcpy(ret_space, name, length);
	ret_space[length] = 0;
	strcpy(ret_key, at + 1);
	return mett_name_valid(ret_space) && (!*ret_key || mett_name_valid(ret_key)) ? 0 : -EINVAL;
}

static void digest(const struct record_header *header, const char *name, const void *data,
                   size_t size, uint8_t ret[RECORD_DIGEST])
{
	SHA2_CTX state;

	SHA256Init(&state);
	SHA256Update(&state, (const void *)header, offsetof(struct record_header, digest));
	SHA256Update(&state, (const void *)name, strlen(name) + 1);
	SHA256Update(&state, data, size);
	SHA256Final(ret, &state);
}

void record_seal(struct record_header *ret, const char *name, const void *data, size_t size)
{
	*ret = (struct record_header){.size = (uint32_t)size};
	memcpy(ret->magic, RECORD_MAGIC, sizeof(ret->magic));
	digest(ret, name, data, size, ret->digest);
}

const char *record_check(const void *file, size_t size, const char *name, size_t *ret_size)
{
	const struct record_header *header = file;
	uint8_t want[RECORD_DIGEST];

	if (size < sizeof(*header))
		return "it is cut short";
	if (memcmp(header->magic, RECORD_MAGIC, sizeof(header->magic)) != 0)
		return "it is no record, or of a later version";
	if (header->size > SYS_STORE_RECORD_MAX || header->size != size - sizeof(*header))
		return "it has not the size that it says";
	digest(header, name, header + 1, header->size, want);
	if (memcmp(want, header->digest, sizeof(want)) != 0)
		return "its checksum is wrong";
	*ret_size = header->size;
	return NULL;
}
