#include "connection.h"
#include "json.h"
#include "text.h"
#include "verbs.h"

#include <limits.h>

static int delete_all(const struct options *options, struct mett_client *client, json_t *deleted)
{
	struct mett_error error;

	for (char **name = options->operands; *name; name++) {
		if (mett_action_delete(client, *name, &error) < 0)
			return connection_refused(client, *name, &error);
		if (options->json)
			json_array_append_new(deleted, json_string(*name));
		else
			printf("%s: deleted\n", *name);
	}
	return STATUS_GOOD;
}

static int run(struct options *options)
{
	struct mett_client *client;

	while (options_next(options, "", NULL) != OPTIONS_END)
		;
	options_operands(options, 1, INT_MAX, "which action to delete; 'mett list' shows them");
	int status = connection_open(options, &client);
	if (status != STATUS_GOOD)
		return status;
	json_t *deleted = json_array();
	status = delete_all(options, client, deleted);
	if (options->json)
		json_print(json_pack("{s:o}", "deleted", deleted));
	else
		json_decref(deleted);
	mett_client_free(client);
	return status;
}

const struct verb verb_delete = {
	.name = "delete",
	.summary = "take actions away, with all their versions",
	.usage = "[OPTION]... NAME...",
	.text = "Deletes actions, with all their versions. What runs comes to its end; the names are\n"
		"free at once.\n",
	.examples = "  mett delete hello\n",
	.run = run,
};
