#include "archivist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "session.h"

static void lock(struct archivist *archivist)
{
	pthread_mutex_lock(&archivist->mutex);
}

static void unlock(struct archivist *archivist)
{
	pthread_mutex_unlock(&archivist->mutex);
}

int archivist_new(struct archivist **ret)
{
	struct archivist *archivist = calloc(1, sizeof(*archivist));

	if (!archivist)
		return -ENOMEM;
	pthread_mutex_init(&archivist->mutex, NULL);
	pthread_cond_init(&archivist->wanted, NULL);
	list_init(&archivist->fetches);
	list_init(&archivist->queue);
	*ret = archivist;
	return 0;
}

void archivist_free(struct archivist *archivist)
{
	if (!archivist)
		return;
	list_for_each(link, &archivist->fetches)
		job_free(LIST_ENTRY(link, struct job, link));
	list_for_each(link, &archivist->queue)
		job_free(LIST_ENTRY(link, struct job, link));
	pthread_cond_destroy(&archivist->wanted);
	pthread_mutex_destroy(&archivist->mutex);
	free(archivist);
}

struct job *job_new(struct session *session, enum message_type type, const char *name,
                    struct space *space, struct version *version)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	list_init(&job->link);
	list_init(&job->owned);
	job->server = session->server;
	job->session = session;
	job->type = type;
	job->user = session->user;
	job->space = space ? spaces_hold(space) : NULL;
	job->version = version ? version_ref(version) : NULL;
	strncpy(job->name, name, METT_NAME_MAX);
	return job;
}

void job_free(struct job *job)
{
	list_remove(&job->link);
	list_remove(&job->owned);
	version_unref(job->server, job->version);
	if (job->space)
		spaces_release(job->space);
	free(job);
}

/* A user's own stay in order; who has ordered much does not keep others waiting for all of it. */
static void line_up(struct archivist *archivist, struct job *job)
{
	struct list *queue = &archivist->queue, *place = queue;

	job->turn = archivist->turn;
	list_for_each(link, queue) {
		const struct job *other = LIST_ENTRY(link, struct job, link);

		if (other->user == job->user)
			job->turn = other->turn + 1;
	}
	while (place->previous != queue &&
	       LIST_ENTRY(place->previous, struct job, link)->turn > job->turn)
		place = place->previous;
	list_append(place, &job->link);
}

void job_submit(struct job *job)
{
	struct archivist *archivist = job->server->archivist;

	lock(archivist);
	list_append(&job->session->jobs, &job->owned);
	job->session->job_count += job->type != MESSAGE_NONE;
	if (job->type == MESSAGE_NONE)
		list_append(&archivist->fetches, &job->link);
	else
		line_up(archivist, job);
	pthread_cond_signal(&archivist->wanted);
	unlock(archivist);
}

void job_end(struct job *job)
{
	struct archivist *archivist = job->server->archivist;

	lock(archivist);
	list_remove(&job->link);
	job->done = true;
	bool orphaned = !job->session;
	if (!orphaned)
		session_attend(job->session);
	unlock(archivist);
	if (orphaned)
		job_free(job);
}

struct job *job_take(struct session *session)
{
	struct archivist *archivist = session->server->archivist;
	struct job *found = NULL;

	lock(archivist);
	list_for_each(link, &session->jobs) {
		struct job *job = LIST_ENTRY(link, struct job, owned);

		if (!job->done)
			continue;
		list_remove(&job->owned);
		session->job_count -= job->type != MESSAGE_NONE;
		found = job;
		break;
	}
	unlock(archivist);
	return found;
}

void jobs_forget(struct session *session)
{
	struct archivist *archivist = session->server->archivist;
	struct list done;

	list_init(&done);
	lock(archivist);
	list_for_each(link, &session->jobs) {
		struct job *job = LIST_ENTRY(link, struct job, owned);

		list_remove(link);
		job->session = NULL;
		if (job->done)
			list_append(&done, link);
	}
	unlock(archivist);
	list_for_each(link, &done)
		job_free(LIST_ENTRY(link, struct job, owned));
}

/* With the lock: where the next one is; NULL: there is none. */
static struct list *waiting(struct archivist *archivist)
{
	if (!list_empty(&archivist->fetches))
		return &archivist->fetches;
	return list_empty(&archivist->queue) ? NULL : &archivist->queue;
}

bool archivist_step(struct server *server)
{
	struct archivist *archivist = server->archivist;
	struct job *job = NULL;

	lock(archivist);
	struct list *queue = waiting(archivist);
	if (queue) {
		job = LIST_ENTRY(queue->next, struct job, link);
		list_remove(&job->link);
	}
	if (queue == &archivist->queue)
		archivist->turn = job->turn;
	unlock(archivist);
	if (!job)
		return false;
	change_perform(server, job);
	return true;
}

static void *work(void *data)
{
	struct server *server = data;
	struct archivist *archivist = server->archivist;

	lock(archivist);
	while (!archivist->ends) {
		if (!waiting(archivist)) {
			pthread_cond_wait(&archivist->wanted, &archivist->mutex);
			continue;
		}
		unlock(archivist);
		archivist_step(server);
		lock(archivist);
	}
	unlock(archivist);
	return NULL;
}

int archivist_start(struct server *server)
{
	struct archivist *archivist = server->archivist;
	int error = -pthread_create(&archivist->thread, NULL, work, server);

	archivist->runs = !error;
	return error;
}

void archivist_stop(struct archivist *archivist)
{
	if (!archivist->runs)
		return;
	lock(archivist);
	archivist->ends = true;
	pthread_cond_signal(&archivist->wanted);
	unlock(archivist);
	pthread_join(archivist->thread, NULL);
	archivist->runs = false;
}
