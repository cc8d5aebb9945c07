#pragma once

/* JSON: is a text what it is taken for? Nothing is made of it. */
#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 256 };

/** enum json_kind - what a text is */
enum json_kind {
	JSON_NONE, /* not one value, or one nested too deep */
	JSON_OBJECT,
	JSON_OTHER,
};

/**
 * json_look() - is this one JSON value, with nothing but blanks around it?
 * @ret_error: value of the member "error" of an object, within @text; size 0: there is none.
 *             May be NULL
 *
 * Bytes above 127 are taken for UTF-8 unseen.
 */
struct json_part {
	const char *data;
	size_t size;
};
enum json_kind json_look(const char *text, size_t size, struct json_part *ret_error);
