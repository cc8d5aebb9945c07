#include "recorder.h"

#include <errno.h>
#include <string.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>

#include "server.h"
#include "session.h"
#include "space.h"

/* A recorder that takes no rings is not asked again before that. */
static const uint64_t pause_ns = 1000000000;

void recorder_init(struct recorder *recorder, struct server *server)
{
	*recorder = (struct recorder){
		.server = server,
		.watch.cap = SYS_NO_CAP,
		.gate = SYS_NO_CAP,
		.started_ns = sys_clock_ns(),
	};
}

void recorder_deinit(struct recorder *recorder)
{
	recorder_leave(recorder);
}

void recorder_leave(struct recorder *recorder)
{
	sys_cap gate = recorder->gate;

	if (gate == SYS_NO_CAP)
		return;
	sys_loop_unwatch(recorder->server->loop, &recorder->watch);
	pthread_mutex_lock(&recorder->server->mutex);
	recorder->gate = SYS_NO_CAP;
	pthread_mutex_unlock(&recorder->server->mutex);
	sys_gate_discard(gate);
}

/* It has nothing to say; so it left, or is none. */
static void recorder_ready(struct sys_watch *watch)
{
	struct recorder *recorder = LIST_ENTRY(watch, struct recorder, watch);

	log_info("the recorder has left; activations are not recorded");
	recorder_leave(recorder);
}

/* One that was killed may not have been noticed before the next comes. */
static bool is_gone(const struct recorder *recorder)
{
	char data[1];
	size_t size;

	return sys_gate_hear(recorder->gate, data, sizeof(data), &size) != SYS_AGAIN;
}

static enum mett_reason judge(struct recorder *recorder, sys_cap gate,
                              const struct message_record *message, char *why)
{
	uint32_t user;

	if (message->version != PROTOCOL_VERSION) {
		fmt_format(why, METT_MESSAGE_MAX,
		           "the server speaks protocol {}; use the mett-recorder that came with it",
		           (int)PROTOCOL_VERSION);
		return METT_BAD_ARGUMENT;
	}
	if (sys_gate_peer(gate, &user) || (user != 0 && user != sys_user())) {
		fmt_format(why, METT_MESSAGE_MAX,
		           "only root and the server's own user may record activations");
		return METT_DENIED;
	}
	if (recorder->gate != SYS_NO_CAP && is_gone(recorder))
		recorder_leave(recorder);
	if (recorder->gate != SYS_NO_CAP) {
		fmt_format(why, METT_MESSAGE_MAX, "the server has a recorder already; end that");
		return METT_BUSY;
	}
	return METT_OK;
}

static void refuse(sys_cap gate, uint32_t tag, enum mett_reason reason, const char *why)
{
	struct {
		struct message_status fixed;
		char text[METT_MESSAGE_MAX];
	} reply = {.fixed = {.header = {MESSAGE_STATUS, tag}, .reason = reason}};
	size_t size = strlen(why);

	memcpy(reply.text, why, size);
	sys_gate_send(gate, &reply, sizeof(reply.fixed) + size, NULL, 0);
	log_debug("recorder refused: {}", why); /* it asks again and again */
}

bool recorder_register(struct recorder *recorder, sys_cap gate,
                       const struct message_record *message)
{
	struct message_recording reply = {
		.header = {MESSAGE_RECORDING, message->header.tag},
		.started_ns = recorder->started_ns,
	};
	char why[METT_MESSAGE_MAX];
	enum mett_reason reason = judge(recorder, gate, message, why);

	if (reason) {
		refuse(gate, message->header.tag, reason, why);
		return false;
	}
	if (sys_gate_send(gate, &reply, sizeof(reply), NULL, 0))
		return false;
	recorder->watch.ready = recorder_ready;
	if (sys_loop_watch(recorder->server->loop, &recorder->watch, gate))
		return false;
	pthread_mutex_lock(&recorder->server->mutex);
	recorder->gate = gate;
	atomic_fetch_add(&recorder->generation, 1);
	pthread_mutex_unlock(&recorder->server->mutex);
	log_info("a recorder is there; activations in named namespaces are recorded");
	return true;
}

uint32_t recorder_generation(const struct server *server)
{
	return atomic_load_explicit(&server->recorder.generation, memory_order_relaxed);
}

void ring_init(struct ring *ring)
{
	*ring = (struct ring){.cap = SYS_NO_CAP};
}

static int ring_make(struct ring *ring)
{
	void *memory;
	int error = sys_dataspace_new("records", sizeof(*ring->memory), 0, &ring->cap);

	if (error)
		return error;
	error = sys_map(ring->cap, sizeof(*ring->memory), 1, &memory);
	if (error) {
		sys_cap_close(ring->cap);
		ring->cap = SYS_NO_CAP;
		return error;
	}
	ring->memory = memory;
	return 0;
}

/* Both change together: no recorder is given the same ring twice. */
static int hand_over(struct session *session)
{
	struct recorder *recorder = &session->server->recorder;
	struct ring *ring = &session->ring;
	struct message_ring message = {.header.type = MESSAGE_RING, .owner = session->space->owner};
	int result = 0;

	message_name_set(&message.space, session->space->name);
	pthread_mutex_lock(&session->server->mutex);
	/* Without one there is nothing to do before the next comes. */
	if (recorder->gate != SYS_NO_CAP)
		result = sys_gate_send(recorder->gate, &message, sizeof(message), &ring->cap, 1);
	if (!result || result == SYS_CLOSED)
		ring->generation = recorder->generation;
	pthread_mutex_unlock(&session->server->mutex);
	return result == SYS_CLOSED ? 0 : result;
}

void ring_offer(struct session *session)
{
	struct ring *ring = &session->ring;
	uint64_t now;

	if (!session->space || ring->over)
		return;
	now = sys_clock_ns();
	if (now < ring->retry_ns)
		return;
	if ((!ring->memory && ring_make(ring)) || hand_over(session))
		ring->retry_ns = now + pause_ns;
}

static void wake(struct recorder *recorder)
{
	const struct message_bell message = {{.type = MESSAGE_BELL}};

	pthread_mutex_lock(&recorder->server->mutex);
	/* Where there is no room for it, there is enough to wake up for. */
	if (recorder->gate != SYS_NO_CAP)
		sys_gate_send(recorder->gate, &message, sizeof(message), NULL, 0);
	pthread_mutex_unlock(&recorder->server->mutex);
}

static void wake_if_asleep(struct session *session)
{
	struct record_ring *memory = session->ring.memory;

	/* What was written comes before this look, as its own last look comes behind `asleep`. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&memory->asleep, memory_order_relaxed) &&
	    atomic_exchange(&memory->asleep, 0))
		wake(&session->server->recorder);
}

void ring_close(struct session *session)
{
	struct ring *ring = &session->ring;

	if (!ring->memory)
		return;
	atomic_store(&ring->memory->closed, 1);
	wake_if_asleep(session);
	sys_unmap(ring->memory, sizeof(*ring->memory));
	sys_cap_close(ring->cap);
	ring_init(ring);
}

void ring_end(struct session *session)
{
	ring_close(session);
	session->ring.over = true;
}

void *ring_claim(struct ring *ring, size_t size)
{
	struct record_ring *memory = ring->memory;
	/* Whatever is there, it only decides whether there is room. */
	uint64_t used = ring->head - atomic_load_explicit(&memory->tail, memory_order_acquire);
	size_t at = ring->head % RECORD_ROOM, rest = RECORD_ROOM - at;
	size_t skipped = size > rest ? rest : 0;

	if (used > RECORD_ROOM || skipped + size > RECORD_ROOM - used) {
		atomic_fetch_add_explicit(&memory->dropped, 1, memory_order_relaxed);
		return NULL;
	}
	if (skipped) {
		const struct record_header nothing = {(uint32_t)rest, RECORD_NOTHING};

		memcpy(memory->data + at, &nothing, sizeof(nothing));
		at = 0;
		ring->head += skipped;
	}
	return memory->data + at;
}

void ring_publish(struct session *session, size_t size)
{
	struct ring *ring = &session->ring;

	ring->head += size;
	atomic_store_explicit(&ring->memory->head, ring->head, memory_order_release);
	wake_if_asleep(session);
}
