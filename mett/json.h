#pragma once

/* What --json prints. */
#include <mett-eagle/client.h>

#include <jansson.h>

/** json_print() - one value to the standard output, over many lines; takes it */
void json_print(json_t *value);

/** json_print_line() - the same in one line, and at once: for streams */
void json_print_line(json_t *value);

/** json_bytes() - set @key to a text, or, of bytes that are no UTF-8, @key_base64 */
void json_bytes(json_t *object, const char *key, const void *data, size_t size);

/** json_error() - {"reason", "detail", "message"} */
json_t *json_error(const struct mett_error *error);

/** json_options() - what an action was deployed with */
json_t *json_options(const struct mett_action_options *options);
