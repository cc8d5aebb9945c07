#pragma once

/* From a file to a program that the server takes: what it is, compiled if need be. */
#include <mett-eagle/client.h>

#include <stdbool.h>

/**
 * struct deployment - an action to be
 * @path:         of its file
 * @name:         of the action
 * @options:      what it is deployed with. Its environment is the deployment's own
 * @has_language: options.language was said, and is not guessed
 * @source:       "c" or "c++" was said; NULL: it was not
 * @program:      descriptor, once deployment_open() was; -1: not yet
 * @environment:  what options.environment points to, or NULL; its texts are the deployment's
 */
struct deployment {
	const char *path;
	char name[METT_NAME_MAX + 1];
	struct mett_action_options options;
	bool has_language;
	const char *source;
	int program;
	char **environment;
};

/** deployment_init() - of a file, without options; @path must outlive it */
void deployment_init(struct deployment *deployment, const char *path);

/** deployment_copy() - of another file, with the options of @model, which are copied */
void deployment_copy(struct deployment *deployment, const struct deployment *model,
                     const char *path);

/** deployment_deinit() - close and free what is its own; fine at any time after init */
void deployment_deinit(struct deployment *deployment);

/**
 * deployment_set_name() - call the action so; NULL: as the file, without its ending
 *
 * Return: false if the name is not lawful.
 */
bool deployment_set_name(struct deployment *deployment, const char *name);

/** deployment_set_language() - c, c++, or a language of the server; false: there is none such */
bool deployment_set_language(struct deployment *deployment, const char *language);

/** deployment_set_grant() - "system" or "env:KEY=V"; false: there is none such */
bool deployment_set_grant(struct deployment *deployment, const char *grant);

/**
 * deployment_open() - open the file, see what language it is in, compile it
 *
 * May take long, and shows progress. Return: STATUS_GOOD, or the exit status; what is wrong
 * was told.
 */
int deployment_open(struct deployment *deployment);
