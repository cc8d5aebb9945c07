#include "scene.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/fmt.h>

#include <system/ipc.h>

#include "fail.h"
#include "pace.h"

enum { RECORDS_TRIES = 200, RECORDS_PAUSE_NS = 50000000 };

static void create_in(struct mett_client *client, const char *name, const char *path,
                      enum mett_language language, enum mett_policy policy)
{
	struct mett_action_options options = {.language = language, .policy = policy};
	struct mett_error error;

	if (mett_action_create_path(client, name, path, &options, &error))
		fail_mett(name, &error);
}

static void create(struct mett_client *client, const char *name, const char *path,
                   enum mett_policy policy)
{
	create_in(client, name, path, METT_LANGUAGE_BINARY, policy);
}

static struct mett_client *connect_to(const struct server *server)
{
	struct mett_client *client;
	struct mett_error error;

	if (mett_register_client(server->socket, &client, &error))
		fail_mett("a client", &error);
	return client;
}

static int64_t invoke(struct scene *scene, struct mett_client *client, const char *name,
                      const void *argument, size_t size, size_t answer_size)
{
	struct mett_result result = {0};
	uint64_t start = sys_clock_ns();
	int error = mett_action_invoke(client, name, argument, size, NULL, &result);
	uint64_t end = sys_clock_ns();

	if (error)
		fail_mett(name, &result.error);
	if (result.answer_size != answer_size ||
	    (size && size == answer_size &&
	     ((const char *)result.answer)[size - 1] != ((const char *)argument)[size - 1]))
		fail("the answer is wrong", -EBADMSG);
	if (scene->phases)
		phases_note(scene->phases, start, &result.metadata, end);
	mett_result_deinit(&result);
	return (int64_t)(end - start);
}

/* What its client can call, and with what. */
static void furnish(struct scene *ret)
{
	const struct files *files = ret->files;

	create(ret->client, "fork", files->empty, METT_POLICY_FORK);
	create(ret->client, "reuse", files->empty, METT_POLICY_REUSE);
	create(ret->client, "spawn", files->empty, METT_POLICY_SPAWN);
	create(ret->client, "echo", files->echo, METT_POLICY_FORK);
	create(ret->client, "call", files->call, METT_POLICY_FORK);
	if (*files->python)
		create_in(ret->client, "python", files->python, METT_LANGUAGE_PYTHON,
		          METT_POLICY_FORK);
	ret->payload = malloc(SCENE_PAYLOAD);
	ret->copy = malloc(SCENE_PAYLOAD);
	if (!ret->payload || !ret->copy)
		fail("payload", -ENOMEM);
	/* So that all of it is really there. */
	memset(ret->payload, 'p', SCENE_PAYLOAD);
	memset(ret->copy, 'c', SCENE_PAYLOAD);
}

void scene_new(struct scene *ret, const struct files *files)
{
	*ret = (struct scene){.files = files};
	server_start(&ret->server, files->server);
	ret->client = connect_to(&ret->server);
	furnish(ret);
}

/* Until what was called is in its database: only then is it sure to listen. */
static void await_records(struct scene *scene)
{
	size_t before = server_kept(&scene->recorder);

	for (unsigned i = 0; server_kept(&scene->recorder) <= before; i++) {
		if (i == RECORDS_TRIES)
			fail("the recorder records nothing", -ETIMEDOUT);
		scene_call_named(scene, "fork");
		pace_sleep_until(sys_clock_ns() + RECORDS_PAUSE_NS);
	}
}

void scene_new_named(struct scene *ret, const struct files *files, enum scene_recording recording)
{
	char home[METT_NAME_MAX + 1];
	struct mett_error error;

	*ret = (struct scene){.files = files};
	server_start(&ret->server, files->server);
	mett_home_namespace(home, sizeof(home));
	if (mett_register_namespace(ret->server.socket, home, &ret->client, &error))
		fail_mett(home, &error);
	furnish(ret);
	if (recording == SCENE_UNRECORDED)
		return;
	server_start_recorder(&ret->recorder, files->recorder, &ret->server);
	await_records(ret);
	if (recording == SCENE_STALLED)
		server_stall(&ret->recorder);
}

void scene_new_on(struct scene *ret, const struct files *files, unsigned core)
{
	cpu_set_t cores;
	int error = sched_getaffinity(0, sizeof(cores), &cores) < 0 ? -errno : pace_stay(0, core);

	if (error)
		fail("a server on one core", error);
	scene_new(ret, files);
	sched_setaffinity(0, sizeof(cores), &cores);
}

void scene_fill(struct scene *scene)
{
	size_t count;
	struct mett_action_info *rows;
	struct mett_error error;
	char name[16];

	if (mett_action_list(scene->client, &rows, &count, &error))
		fail_mett("actions", &error);
	free(rows);
	for (size_t i = count; i < SCENE_ACTIONS; i++) {
		fmt_format(name, sizeof(name), "other{}", i);
		create(scene->client, name, scene->files->small, METT_POLICY_FORK);
	}
	scene->crowd = calloc(SCENE_SESSIONS - 1, sizeof(struct mett_client *));
	if (!scene->crowd)
		fail("sessions", -ENOMEM);
	for (unsigned i = 0; i < SCENE_SESSIONS - 1; i++) {
		scene->crowd[i] = connect_to(&scene->server);
		create(scene->crowd[i], "fork", scene->files->empty, METT_POLICY_FORK);
		invoke(scene, scene->crowd[i], "fork", NULL, 0, 0);
	}
}

void scene_free(struct scene *scene)
{
	for (unsigned i = 0; scene->crowd && i < SCENE_SESSIONS - 1; i++)
		mett_client_free(scene->crowd[i]);
	free(scene->crowd);
	mett_client_free(scene->client);
	if (scene->recorder.pid)
		server_stop(&scene->recorder);
	server_stop(&scene->server);
	free(scene->payload);
	free(scene->copy);
}

int64_t scene_call_named(struct scene *scene, const char *name)
{
	return invoke(scene, scene->client, name, NULL, 0, 0);
}

int64_t scene_call_fork(void *scene)
{
	return scene_call_named(scene, "fork");
}

int64_t scene_call_reuse(void *scene)
{
	return scene_call_named(scene, "reuse");
}

int64_t scene_call_spawn(void *scene)
{
	return scene_call_named(scene, "spawn");
}

int64_t scene_call_cold(void *data)
{
	struct scene *scene = data;
	struct mett_error error;

	create(scene->client, "cold", scene->files->empty, METT_POLICY_FORK);
	int64_t took = scene_call_named(scene, "cold");
	if (mett_action_delete(scene->client, "cold", &error))
		fail_mett("cold", &error);
	return took;
}

int64_t scene_call_nested(void *data)
{
	struct scene *scene = data;

	return invoke(scene, scene->client, "call", "fork", strlen("fork"), 0);
}

int64_t scene_call_small(void *scene)
{
	return scene_call_named(scene, "echo");
}

int64_t scene_call_large(void *data)
{
	struct scene *scene = data;

	return invoke(scene, scene->client, "echo", scene->payload, SCENE_PAYLOAD, SCENE_PAYLOAD);
}

int64_t scene_copy(void *data)
{
	struct scene *scene = data;
	uint64_t start = sys_clock_ns();

	memcpy(scene->copy, scene->payload, SCENE_PAYLOAD);
	/* Both copies shall be made, whatever the compiler knows of them. */
	__asm__ volatile("" : : "r"(scene->copy) : "memory");
	memcpy(scene->payload, scene->copy, SCENE_PAYLOAD);
	__asm__ volatile("" : : "r"(scene->payload) : "memory");
	return (int64_t)(sys_clock_ns() - start);
}
