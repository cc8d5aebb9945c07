#pragma once

/* What a deployment would change on the server. */
#include "deployment.h"

#include <jansson.h>

enum change_kind { CHANGE_NEW, CHANGE_DIFFERENT, CHANGE_NONE };

/**
 * struct change - of one action
 * @kind:    what is to be done
 * @version: the present one; 0: there is none
 * @drops:   an option of the present version is not one of the next
 * @text:    what differs, for people; the change's own
 */
struct change {
	enum change_kind kind;
	uint32_t version;
	bool drops;
	char *text;
};

/**
 * change_find() - compare an opened deployment with what is there
 * @ret: free with change_deinit(); written on success only
 *
 * Return: STATUS_GOOD, or the exit status; what is wrong was told.
 */
int change_find(struct mett_client *client, const struct deployment *deployment,
                struct change *ret);

/** change_deinit() - a zeroed one is fine */
void change_deinit(struct change *change);

/** change_print() - one line: a sign, the name, what differs */
void change_print(const struct change *change, const char *name);

/** change_json() - the same for programs */
json_t *change_json(const struct change *change, const char *name);
