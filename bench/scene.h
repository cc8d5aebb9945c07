#pragma once

/*
 * Scene: a server with a client and its actions, to measure calls on. One is
 * plain; another is full of what the measured action has nothing to do with.
 */
#include <stdbool.h>

#include <mett-eagle/client.h>

#include "phases.h"
#include "server.h"

enum {
	SCENE_ACTIONS = 1000, /* of a full one, the measured one among them */
	SCENE_SESSIONS = 200,
	SCENE_PAYLOAD = 1 << 20,
	FILES_PATH = 512,
};

/** struct files - programs, by path */
struct files {
	char server[FILES_PATH];
	char recorder[FILES_PATH];
	char program[FILES_PATH]; /* small, starts and exits */
	char small[FILES_PATH];   /* a function that is only stored */
	char empty[FILES_PATH];
	char echo[FILES_PATH];
	char call[FILES_PATH];
	char python_imports[FILES_PATH];
	char python_sleep[FILES_PATH];
	char python[FILES_PATH]; /* an empty function; "": this server has no Python */
};

struct scene {
	const struct files *files;
	struct server server;
	struct server recorder; /* of it, or none */
	struct mett_client *client;
	struct mett_client **crowd; /* sessions of a full scene, or NULL */
	char *payload, *copy;       /* SCENE_PAYLOAD bytes each */
	struct phases *phases;      /* where invocations are taken down, or NULL */
};

/** scene_new() - server and client with the actions fork, reuse, spawn, echo and call */
void scene_new(struct scene *ret, const struct files *files);

/** scene_new_on() - the same, with a server that has one core for all it does */
void scene_new_on(struct scene *ret, const struct files *files, unsigned core);

enum scene_recording { SCENE_UNRECORDED, SCENE_RECORDED, SCENE_STALLED };

/** scene_new_named() - in the user's home namespace, with a recorder or with one that is stopped */
void scene_new_named(struct scene *ret, const struct files *files, enum scene_recording recording);

/** scene_fill() - up to SCENE_ACTIONS actions and SCENE_SESSIONS sessions, each used once */
void scene_fill(struct scene *scene);

/** scene_free() - end all */
void scene_free(struct scene *scene);

/* Each does one call and returns nanoseconds; a call that fails ends the run. */
int64_t scene_call_named(struct scene *scene, const char *name); /* of an empty function */
int64_t scene_call_fork(void *scene);
int64_t scene_call_reuse(void *scene);
int64_t scene_call_spawn(void *scene);
int64_t scene_call_cold(void *scene);   /* first invocation of an action made for it */
int64_t scene_call_nested(void *scene); /* an action that invokes "fork" */
int64_t scene_call_small(void *scene);  /* echo of nothing */
int64_t scene_call_large(void *scene);  /* echo of SCENE_PAYLOAD bytes */
int64_t scene_copy(void *scene);        /* memcpy() of SCENE_PAYLOAD bytes, there and back */
