#include "protocol.h"

#include <string.h>

struct message_kind {
	const char *name;
	unsigned senders;
	size_t fixed;
	size_t variable_max;
	unsigned caps_min;
	unsigned caps_max;
};

static const struct message_kind kinds[MESSAGE_TYPE_COUNT] = {
#define M(type_, senders_, fixed_, variable_max_, caps_min_, caps_max_)                            \
	[MESSAGE_##type_] = {#type_, senders_, sizeof(fixed_), variable_max_, caps_min_, caps_max_},
	PROTOCOL_MESSAGES(M)
#undef M
};

#define M(type_, senders_, fixed_, variable_max_, caps_min_, caps_max_)                            \
	_Static_assert(sizeof(fixed_) % 8 == 0, #type_ " has a hole at its end");                  \
	_Static_assert(sizeof(fixed_) + (variable_max_) <= MESSAGE_MAX, #type_ " is too large");   \
	_Static_assert((int)(caps_max_) <= (int)MESSAGE_CAPS_MAX,                                  \
	               #type_ " has too many capabilities");
PROTOCOL_MESSAGES(M)
#undef M

enum message_type message_check(const void *message, size_t size, unsigned caps,
                                enum message_sender sender)
{
	const struct message_header *header = message;

	if (size < sizeof(*header) || header->type == MESSAGE_NONE ||
	    header->type >= MESSAGE_TYPE_COUNT)
		return MESSAGE_NONE;
	const struct message_kind *kind = &kinds[header->type];
	if (!(kind->senders & sender) || size < kind->fixed ||
	    size > kind->fixed + kind->variable_max || caps < kind->caps_min ||
	    caps > kind->caps_max)
		return MESSAGE_NONE;
	return header->type;
}

const char *message_type_name(enum message_type type)
{
	return type > MESSAGE_NONE && type < MESSAGE_TYPE_COUNT ? kinds[type].name : "unknown";
}

void message_name_set(struct message_name *ret, const char *name)
{
	memset(ret, 0, sizeof(*ret));
	strncpy(ret->text, name, METT_NAME_MAX);
}

int message_name_valid(const struct message_name *name)
{
	size_t length = strnlen(name->text, sizeof(name->text));

	if (length > METT_NAME_MAX)
		return 0;
	for (size_t i = length; i < sizeof(name->text); i++)
		if (name->text[i])
			return 0;
	return mett_name_valid(name->text);
}

static int is_key(char c, int first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* Bytes of a key with its '='; 0: there is none. */
static size_t key_length(const char *text)
{
	size_t length = 0;

	while (is_key(text[length], !length))
		length++;
	return length && text[length] == '=' ? length + 1 : 0;
}

static int has_key(const char *text, const char *end, const char *key, size_t length)
{
	for (; text < end; text += strlen(text) + 1)
		if (!strncmp(text, key, length))
			return 1;
	return 0;
}

int environment_valid(const char *text, size_t size)
{
	if (!size)
		return 1;
	if (size > METT_ENVIRONMENT_MAX || text[size - 1])
		return 0;
	for (const char *at = text; at < text + size; at += strlen(at) + 1) {
		size_t length = key_length(at);

		if (!length || has_key(text, at, at, length))
			return 0;
	}
	return 1;
}
