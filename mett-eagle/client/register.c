#include "os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 108 }; /* as long as a socket's path can be */

static const uint64_t patience_ns = 5000000000;

/* Ask to be registered; the answer is in the client's `message` then. */
static int converse(struct mett_client *client, sys_cap registry, const char *path,
                    const char *space, uint64_t deadline_ns, struct sys_received *received,
                    struct mett_error *error)
{
	struct message_register question = {
		.header = {MESSAGE_REGISTER, mett_client_tag(client)},
		.version = PROTOCOL_VERSION,
	};
	const char *why = "does not answer within 5 s (is it ending?)";

	message_name_set(&question.space, space ? space : "");
	int outcome = sys_gate_send(registry, &question, sizeof(question), NULL, 0);

	while (!outcome) {
		outcome = sys_gate_wait(registry, 0, deadline_ns);
		if (!outcome)
			outcome = sys_gate_recv(registry, client->message, MESSAGE_MAX, received);
		if (!outcome)
			return 0;
		if (outcome == -EINTR)
			outcome = 0;
	}
	if (outcome == SYS_CLOSED)
		why = "hung up before it answered (is it ending?)";
	else if (outcome == SYS_CUT)
		why = "sent what there are no descriptors left for here";
	else if (outcome == SYS_REFUSED)
		why = "sent a message that is too long";
	else if (outcome < 0)
		why = strerror(-outcome);
	return mett_error_set(error, METT_GONE, 0, "server at '%.107s': %s; see its log", path,
	                      why);
}

/* Shorter than it must be, or able to become so, it would kill who touches it. */
void *mett_window_map(sys_cap cap, size_t size)
{
	void *memory;

	return mett_os_lasts(cap, size) && !sys_map(cap, size, 1, &memory) ? memory : NULL;
}

static int judge_answer(struct mett_client *client, const char *path,
                        const struct sys_received *received, struct mett_error *error)
{
	const struct message_registered *answer = (const void *)client->message;

	if (message_check(answer, received->size, received->cap_count, FROM_SERVER) !=
	            MESSAGE_REGISTERED ||
	    answer->header.tag != client->last_tag || answer->reason >= METT_REASON_COUNT)
		return mett_error_set(error, METT_GONE, 0,
		                      "server at '%.107s' does not speak our protocol; name the "
		                      "right socket in METT_SOCKET",
		                      path);
	if (answer->version != PROTOCOL_VERSION)
		return mett_error_set(error, METT_GONE, 0,
		                      "server at '%.107s' speaks version %u of the protocol, this "
		                      "program %d; install both from one release",
		                      path, answer->version, PROTOCOL_VERSION);
	if (answer->reason != METT_OK)
		return mett_error_take(error, answer->reason, 0, (const char *)(answer + 1),
		                       received->size - sizeof(*answer));
	if (received->cap_count == 2)
		client->window = mett_window_map(received->caps[1], sizeof(*client->window));
	if (!client->window)
		return mett_error_set(error, METT_GONE, 0,
		                      "server at '%.107s' gave no gate and window; see its log",
		                      path);
	client->core = answer->core;
	client->payload_max = answer->payload_max;
	return 0;
}

static int fit_out(struct mett_client *client, struct sys_received *received,
                   struct mett_error *error)
{
	client->gate = received->caps[0];
	received->caps[0] = SYS_NO_CAP;
	int outcome = mett_os_poll_open(client);
	if (outcome)
		return mett_error_set(error, METT_NO_MEMORY, 0,
		                      "cannot set up the connection to the server: %s",
		                      strerror(-outcome));
	return 0;
}

static int join(struct mett_client *client, const char *path, const char *space,
                struct mett_error *error)
{
	uint64_t deadline_ns = sys_clock_ns() + patience_ns;
	struct sys_received received = {0};
	sys_cap registry;
	int failure = mett_os_connect(path, deadline_ns, &registry, error);

	if (failure)
		return failure;
	failure = converse(client, registry, path, space, deadline_ns, &received, error);
	sys_cap_close(registry);
	if (!failure)
		failure = judge_answer(client, path, &received, error);
	if (!failure)
		failure = fit_out(client, &received, error);
	sys_received_close(&received);
	return failure;
}

int mett_register_client(const char *socket_path, struct mett_client **ret,
                         struct mett_error *error)
{
	return mett_register_namespace(socket_path, NULL, ret, error);
}

int mett_register_namespace(const char *socket_path, const char *name, struct mett_client **ret,
                            struct mett_error *error)
{
	char path[PATH_SIZE];
	struct mett_client *client;
	int failure;

	if (!ret)
		return mett_error_set(error, METT_BAD_ARGUMENT, 0, "ret is NULL");
	failure = name ? mett_space_check(name, error) : 0;
	if (failure)
		return failure;
	if (!socket_path) {
		if (mett_default_socket(path, sizeof(path)) < 0)
			return mett_error_set(error, METT_BAD_ARGUMENT, 0,
			                      "METT_SOCKET or XDG_RUNTIME_DIR is too long; a "
			                      "socket's path has at most %zu bytes",
			                      sizeof(path) - 1);
		socket_path = path;
	}
	client = calloc(1, sizeof(*client));
	if (!client)
		return mett_error_set(error, METT_NO_MEMORY, 0, "no memory here for a client");
	client->gate = client->event = client->poll_fd = SYS_NO_CAP;
	failure = join(client, socket_path, name, error);
	if (failure) {
		mett_client_free(client);
		return failure;
	}
	*ret = client;
	return mett_error_clear(error);
}

void mett_client_free(struct mett_client *client)
{
	if (!client)
		return;
	for (unsigned i = 0; i < METT_IN_FLIGHT_MAX; i++)
		if (client->slots[i].tag && client->slots[i].done)
			mett_result_deinit(&client->slots[i].result);
	mett_os_poll_close(client);
	sys_cap_close(client->gate);
	mett_lanes_free(client);
	sys_unmap(client->window, sizeof(*client->window));
	free(client);
}

unsigned mett_client_core(const struct mett_client *client)
{
	return client ? client->core : 0;
}

int mett_client_fd(const struct mett_client *client)
{
	return client ? client->poll_fd : -EINVAL;
}
