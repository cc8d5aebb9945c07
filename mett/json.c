#include "json.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

static void print(json_t *value, size_t flags)
{
	text_need(value);
	json_dumpf(value, stdout, flags);
	putchar('\n');
	json_decref(value);
}

void json_print(json_t *value)
{
	print(value, JSON_INDENT(2));
}

void json_print_line(json_t *value)
{
	print(value, JSON_COMPACT);
	text_flush();
}

static char *base64(const unsigned char *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = text_need(malloc((size + 2) / 3 * 4 + 1)), *end = text;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned bits = (unsigned)data[i] << 16 | (left > 1 ? data[i + 1] << 8 : 0) |
		                (left > 2 ? data[i + 2] : 0);

		*end++ = digits[bits >> 18];
		*end++ = digits[bits >> 12 & 63];
		*end++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*end++ = left > 2 ? digits[bits & 63] : '=';
	}
	*end = 0;
	return text;
}

void json_bytes(json_t *object, const char *key, const void *data, size_t size)
{
	json_t *value = json_stringn(data, size);

	if (value) {
		json_object_set_new(object, key, value);
		return;
	}
	char *text = base64(data, size);
	char *name = text_format("%s_base64", key);
	json_object_set_new(object, name, json_string(text));
	free(name);
	free(text);
}

json_t *json_error(const struct mett_error *error)
{
	json_t *object = json_pack("{s:s, s:i}", "reason", mett_reason_name(error->reason),
	                           "detail", (int)error->detail);

	json_bytes(object, "message", error->message, strlen(error->message));
	return object;
}

json_t *json_options(const struct mett_action_options *options)
{
	json_t *grants = json_array();

	if (options->grants & METT_GRANT_SYSTEM)
		json_array_append_new(grants, json_string("system"));
	for (const char *const *entry = options->environment; entry && *entry; entry++) {
		char *grant = text_format("env:%s", *entry);
		json_t *value = json_string(grant);

		if (!value) {
			value = json_object();
			json_bytes(value, "grant", grant, strlen(grant));
		}
		json_array_append_new(grants, value);
		free(grant);
	}
	return json_pack("{s:s?, s:s, s:I, s:I, s:I, s:o}", "language",
	                 mett_language_name(options->language), "policy",
	                 text_policy(options->policy), "timeout_us",
	                 (json_int_t)options->defaults.timeout_us, "memory",
	                 (json_int_t)options->defaults.memory_limit, "concurrency",
	                 (json_int_t)options->concurrency, "grants", grants);
}
