#include "server.h"

#include <errno.h>
#include <string.h>

#include <liblog/log.h>

#include "amount.h"
#include "archivist.h"
#include "registry.h"
#include "session.h"

enum {
	CAPS_MAX = 1 << 20, /* as many descriptors as any system gives a process */
	STOP_MS = 5000,     /* how long sessions may take to end once they must */
};

static void close_cap(cap_t cap, void *context)
{
	sys_cap_close(cap);
}

static void free_all(struct server *server)
{
	archivist_free(server->archivist);
	spaces_free(server->spaces);
	sys_loop_free(server->loop);
	cap_allocator_free(server->caps);
}

int server_init(struct server *server, const struct server_config *config, struct sys_host *host)
{
	*server = (struct server){.config = *config, .host = host};
	int error = cap_allocator_new(CAPS_MAX, close_cap, NULL, &server->caps);

	if (error)
		return error;
	error = sys_loop_new(&server->loop);
	if (!error)
		error = spaces_new(server);
	if (!error)
		error = archivist_new(&server->archivist);
	if (error) {
		free_all(server);
		return error;
	}
	recorder_init(&server->recorder, server);
	cores_init(&server->cores, config->core_policy, config->core_numbers, config->core_count);
	pthread_mutex_init(&server->mutex, NULL);
	list_init(&server->sessions);
	list_init(&server->ended);
	return 0;
}

void server_deinit(struct server *server)
{
	recorder_deinit(&server->recorder);
	pthread_mutex_destroy(&server->mutex);
	cores_deinit(&server->cores);
	free_all(server);
}

int server_keep(struct server *server, sys_cap cap)
{
	int error = cap_adopt(server->caps, cap);

	if (error)
		sys_cap_close(cap);
	return error;
}

void server_drop(struct server *server, sys_cap cap)
{
	if (cap != SYS_NO_CAP)
		cap_release(server->caps, cap);
}

void server_session_begins(struct server *server, struct session *session)
{
	pthread_mutex_lock(&server->mutex);
	list_append(&server->sessions, &session->link);
	server->session_count++;
	pthread_mutex_unlock(&server->mutex);
}

void server_session_forget(struct server *server, struct session *session)
{
	pthread_mutex_lock(&server->mutex);
	list_remove(&session->link);
	server->session_count--;
	pthread_mutex_unlock(&server->mutex);
}

void server_session_ends(struct server *server, struct session *session)
{
	pthread_mutex_lock(&server->mutex);
	list_remove(&session->link);
	pthread_mutex_unlock(&server->mutex);
}

void server_session_ended(struct server *server, struct session *session)
{
	pthread_mutex_lock(&server->mutex);
	list_append(&server->ended, &session->link);
	pthread_mutex_unlock(&server->mutex);
	sys_loop_wake(server->loop);
}

/* Main thread: free the sessions whose threads have nothing more to do. */
static void collect(struct server *server)
{
	for (;;) {
		struct session *session = NULL;

		pthread_mutex_lock(&server->mutex);
		if (!list_empty(&server->ended)) {
			session = LIST_ENTRY(server->ended.next, struct session, link);
			list_remove(&session->link);
			server->session_count--;
		}
		pthread_mutex_unlock(&server->mutex);
		if (!session)
			return;
		pthread_join(session->thread, NULL);
		unsigned core = session->core;
		session_free(session);
		cores_put(&server->cores, core);
		log_debug("client left core {}", core);
	}
}

void server_wake_sessions(struct server *server)
{
	pthread_mutex_lock(&server->mutex);
	list_for_each(link, &server->sessions)
		sys_loop_wake(LIST_ENTRY(link, struct session, link)->loop);
	pthread_mutex_unlock(&server->mutex);
}

static void stop_now(struct server *server)
{
	server->stop_until_ns = sys_clock_ns() + STOP_MS * (uint64_t)1000000;
	server->stopping = 1;
	server_wake_sessions(server);
}

void server_stop(struct server *server)
{
	char limit[AMOUNT_MAX];

	if (server->draining) {
		log_info("ending at once");
		stop_now(server);
		return;
	}
	log_info("draining: activations under way may end within {}",
	         amount_of_time(server->config.drain_ns / 1000, limit));
	server->drain_until_ns = sys_clock_ns() + server->config.drain_ns;
	server->draining = 1;
	server_wake_sessions(server);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* What the end waits for is over at some time, whoever likes it or not. */
static int check_deadlines(struct server *server)
{
	uint64_t now = sys_clock_ns();

	if (server->stopping && now >= server->stop_until_ns) {
		log_error("sessions of {} clients do not end; they end with the process",
		          server->session_count);
		return -ETIMEDOUT;
	}
	if (server->draining && !server->stopping && now >= server->drain_until_ns)
		stop_now(server);
	return 0;
}

static uint64_t next_deadline(const struct server *server)
{
	if (server->stopping)
		return server->stop_until_ns;
	return server->draining ? server->drain_until_ns : 0;
}

int server_run(struct server *server, sys_cap door)
{
	struct registry registry;
	int error = archivist_start(server);

	if (error)
		return error;
	error = registry_open(&registry, server, door);

	while (!error && !(server->draining && !server->session_count)) {
		error = sys_loop_run(server->loop,
		                     earlier(registry_next(&registry), next_deadline(server)));
		collect(server);
		registry_expire(&registry, sys_clock_ns());
		if (!error && server->session_count)
			error = check_deadlines(server);
	}
	registry_close(&registry);
	archivist_stop(server->archivist);
	return error;
}
