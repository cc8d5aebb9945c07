#pragma once

/*
 * Archivist: the thread that changes spaces, one change after the other, and sees that
 * the store has each before anybody is told. It may wait for the disk; nobody waits for
 * it but who is to be told.
 */
#include "spaces.h"

#include <protocol/protocol.h>

struct session;

/**
 * struct job - something the archivist is to do
 * @type:    what its session's client asked for; MESSAGE_NONE: the session itself needs the
 *           program of @version
 * @space:   held; of the SPACE_ ones NULL
 * @version: held; to be deployed, or whose program is to be fetched
 * @number:  of the version to go back to; in the end, of the one that is current now
 */
struct job {
	struct list link;  /* in the archivist's queue, or in its space's unseen ones */
	struct list owned; /* in its session's */
	struct server *server;
	struct session *session; /* NULL: it is gone */
	bool done;
	enum message_type type;
	uint32_t tag;
	uint32_t user;
	uint64_t turn; /* users take turns */
	struct space *space;
	struct version *version;
	uint32_t number;
	char name[METT_NAME_MAX + 1]; /* of the action, or of the space */
	struct message_space request; /* of a SPACE_ one */
	uint64_t generation;          /* see space_changed() */
	enum mett_reason reason;
	int32_t detail;
	char text[METT_MESSAGE_MAX];
};

struct archivist {
	pthread_t thread;
	bool runs;
	pthread_mutex_t mutex; /* for what is below, and of which session a job is */
	pthread_cond_t wanted;
	struct list fetches; /* these first: somebody's call waits, and they change nothing */
	struct list queue;   /* the rest, by turn */
	uint64_t turn;       /* of the one begun last */
	bool ends;
	_Alignas(8) unsigned char room[SYS_STORE_RECORD_MAX];
};

/** archivist_new() - without its thread; 0 or -ENOMEM */
int archivist_new(struct archivist **ret);

/** archivist_free() - archivist_stop() first; what was not begun is forgotten. NULL is fine. */
void archivist_free(struct archivist *archivist);

/** archivist_start() - in a thread of its own; 0 or a negative errno */
int archivist_start(struct server *server);

/** archivist_stop() - when it is done with what it is at; does nothing if it does not run */
void archivist_stop(struct archivist *archivist);

/** archivist_step() - do one job, as its thread does; false: there is none */
bool archivist_step(struct server *server);

/**
 * job_new() - something to do for a session
 * @space:   NULL, or is held by the job too
 * @version: NULL, or is held by the job too
 *
 * Return: job, to be given to job_submit(), or NULL when there is no memory.
 */
struct job *job_new(struct session *session, enum message_type type, const char *name,
                    struct space *space, struct version *version);

/** job_submit() - it will be done; session_attend() follows */
void job_submit(struct job *job);

/** job_end() - it is done, and its session told, if there is one */
void job_end(struct job *job);

/** job_take() - the next of the session's that is done, now the caller's to free; or NULL */
struct job *job_take(struct session *session);

/** job_free() - nobody waits for it */
void job_free(struct job *job);

/** jobs_forget() - the session ends; what it has ordered is done all the same */
void jobs_forget(struct session *session);
