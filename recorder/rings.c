#include "rings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <libfmt/fmt.h>
#include <liblog/log.h>
#include <protocol/protocol.h>
#include <system/ipc.h>

enum {
	BATCH = 1024, /* records of one ring that become durable together */
	/*
	 * After a batch the next is waited for so long, awake: under load the server need not
	 * wake us for each.
	 */
	LINGER_NS = 20000000,
	RETRY_NS = 1000000000,
};

struct shared {
	struct shared *next;
	struct space *space;
	struct record_ring *ring;
	uint64_t tail;    /* read, but not yet durable */
	uint64_t dropped; /* told of */
};

struct rings {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct store *store;
	int epoll;
	void *tag;
	sys_cap gate; /* SYS_NO_CAP: no connection */
	struct shared *list;
	uint64_t retry_ns;
	bool readable; /* the gate */
	bool asleep;   /* as far as sessions know */
	union record_copy copy;
	char refused[METT_MESSAGE_MAX]; /* why it was last, that it is said once */
};

struct rings *rings_new(const char *socket_path, struct store *store, int epoll, void *tag)
{
	struct rings *rings = calloc(1, sizeof(*rings));

	if (!rings)
		return NULL;
	fmt_format(rings->path, sizeof(rings->path), "{}", socket_path);
	rings->store = store;
	rings->epoll = epoll;
	rings->tag = tag;
	rings->gate = SYS_NO_CAP;
	return rings;
}

/* Shorter than it must be, or able to become so, it would kill who touches it. */
static void *map_whole(sys_cap cap, size_t size)
{
	int seals = fcntl(cap, F_GET_SEALS);
	struct stat status;
	void *memory;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(cap, &status) < 0 ||
	    (uint64_t)status.st_size < size || sys_map(cap, size, 1, &memory) < 0)
		return NULL;
	return memory;
}

static void drop_shared(struct shared *shared)
{
	sys_unmap(shared->ring, sizeof(*shared->ring));
	free(shared);
}

static void disconnect(struct rings *rings)
{
	sys_cap_close(rings->gate);
	rings->gate = SYS_NO_CAP;
	rings->readable = false;
	rings->retry_ns = sys_clock_ns() + RETRY_NS;
}

/* Said once, until something else happens. */
static void complain(struct rings *rings, const char *why)
{
	if (strcmp(rings->refused, why))
		log_warn("server at {}: {}; it is asked again", rings->path, why);
	fmt_format(rings->refused, sizeof(rings->refused), "{}", why);
}

static int open_gate(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

static void try_connect(struct rings *rings)
{
	struct message_record message = {{MESSAGE_RECORD, 1}, PROTOCOL_VERSION, 0};
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = rings->tag};
	int fd = open_gate(rings->path);

	rings->retry_ns = sys_clock_ns() + RETRY_NS;
	if (fd < 0) {
		complain(rings, strerror(-fd));
		return;
	}
	rings->gate = fd;
	rings->readable = true;
	if (sys_gate_send(fd, &message, sizeof(message), NULL, 0) ||
	    epoll_ctl(rings->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		disconnect(rings);
}

static void take_registration(struct rings *rings, const struct message_recording *message)
{
	*rings->refused = 0;
	store_server(rings->store, message->started_ns);
	log_info("recording the activations of the server at {}", rings->path);
}

/* Where the last recorder stopped we go on. */
static uint64_t first_tail(const struct record_ring *ring)
{
	uint64_t head = atomic_load(&ring->head), tail = atomic_load(&ring->tail);

	return head - tail > RECORD_ROOM || tail % RECORD_ALIGN ? head : tail;
}

static void take_ring(struct rings *rings, const struct message_ring *message, sys_cap cap)
{
	struct shared *shared = calloc(1, sizeof(*shared));

	if (shared && message_name_valid(&message->space)) {
		shared->space = store_space(rings->store, message->space.text, message->owner);
		shared->ring = map_whole(cap, sizeof(*shared->ring));
	}
	if (!shared || !shared->space || !shared->ring) {
		log_error("cannot take the records of a session of namespace '{}'",
		          message_name_valid(&message->space) ? message->space.text : "?");
		free(shared);
		return;
	}
	shared->tail = first_tail(shared->ring);
	shared->dropped = atomic_load(&shared->ring->dropped);
	shared->next = rings->list;
	rings->list = shared;
}

static void take_refusal(struct rings *rings, const struct message_status *message, size_t size)
{
	char text[METT_MESSAGE_MAX];

	size -= sizeof(*message);
	memcpy(text, message + 1, size);
	text[size < sizeof(text) ? size : sizeof(text) - 1] = 0;
	complain(rings, text);
	disconnect(rings);
}

static void take_message(struct rings *rings, const void *data, struct sys_received *got)
{
	switch (message_check(data, got->size, got->cap_count, FROM_SERVER)) {
	case MESSAGE_RECORDING:
		take_registration(rings, data);
		break;
	case MESSAGE_RING:
		take_ring(rings, data, got->caps[0]);
		break;
	case MESSAGE_BELL:
		break;
	case MESSAGE_STATUS:
		take_refusal(rings, data, got->size);
		break;
	default:
		complain(rings, "it does not speak our protocol");
		disconnect(rings);
	}
}

/* Returns whether the server is gone. */
static bool read_gate(struct rings *rings)
{
	_Alignas(8) unsigned char data[MESSAGE_MAX];
	struct sys_received got;

	while (rings->gate != SYS_NO_CAP) {
		int result = sys_gate_recv(rings->gate, data, sizeof(data), &got);

		if (result == SYS_AGAIN)
			return false;
		if (result)
			return true;
		take_message(rings, data, &got);
		sys_received_close(&got);
	}
	return true;
}

static int collect_from(struct rings *rings, struct shared *shared)
{
	int count = 0;
	int result = 1;

	while (count < BATCH &&
	       (result = record_take(shared->ring, &shared->tail, &rings->copy)) > 0) {
		store_add(rings->store, shared->space, &rings->copy);
		count++;
	}
	if (result < 0) {
		log_error("a ring of the server holds what is no record; it is passed over");
		shared->tail = atomic_load(&shared->ring->head);
		count++;
	}
	return count;
}

static bool is_empty(const struct shared *shared)
{
	return atomic_load(&shared->ring->head) == shared->tail;
}

static bool all_empty(const struct rings *rings)
{
	for (const struct shared *shared = rings->list; shared; shared = shared->next)
		if (!is_empty(shared))
			return false;
	return true;
}

/* What is durable makes room; what is not is read again. */
static void settle(struct rings *rings, bool stored)
{
	for (struct shared *shared = rings->list; shared; shared = shared->next)
		if (stored)
			atomic_store_explicit(&shared->ring->tail, shared->tail,
			                      memory_order_release);
		else
			shared->tail = first_tail(shared->ring);
}

static void report_dropped(struct shared *shared)
{
	uint64_t dropped = atomic_load(&shared->ring->dropped);

	if (dropped == shared->dropped)
		return;
	log_warn("{} records of a session were lost: its ring was full", dropped - shared->dropped);
	shared->dropped = dropped;
}

/* Sessions that have ended, and whose last record is stored. */
static void drop_ended(struct rings *rings, bool gone)
{
	struct shared **link = &rings->list;

	while (*link) {
		struct shared *shared = *link;

		report_dropped(shared);
		if ((!gone && !atomic_load(&shared->ring->closed)) || !is_empty(shared)) {
			link = &shared->next;
			continue;
		}
		*link = shared->next;
		drop_shared(shared);
	}
}

/* Returns the most records of one ring, or -EAGAIN: they are to be read again later. */
static int collect(struct rings *rings)
{
	int most = 0;

	if (all_empty(rings))
		return 0;
	int error = store_begin(rings->store);
	if (error)
		return error;
	for (struct shared *shared = rings->list; shared; shared = shared->next) {
		int count = collect_from(rings, shared);

		most = count > most ? count : most;
	}
	error = store_end(rings->store);
	settle(rings, !error);
	return error ? error : most;
}

static void set_asleep(struct rings *rings, uint32_t asleep)
{
	for (struct shared *shared = rings->list; shared; shared = shared->next)
		atomic_store(&shared->ring->asleep, asleep);
	rings->asleep = asleep;
}

/* Say that we sleep, and look once more; true: there is something after all. */
static bool fall_asleep(struct rings *rings)
{
	set_asleep(rings, 1);
	atomic_thread_fence(memory_order_seq_cst);
	return !all_empty(rings);
}

void rings_ready(struct rings *rings)
{
	rings->readable = true;
}

uint64_t rings_turn(struct rings *rings, bool *ret_stored)
{
	uint64_t now = sys_clock_ns();
	bool gone = false;

	if (rings->gate == SYS_NO_CAP && !rings->list && now >= rings->retry_ns)
		try_connect(rings);
	if (rings->readable) {
		rings->readable = false;
		gone = read_gate(rings);
	}
	/* One message is enough to wake us. */
	if (rings->asleep)
		set_asleep(rings, 0);
	int count = collect(rings);
	*ret_stored = count > 0;
	if (gone && rings->gate != SYS_NO_CAP) {
		log_info("the server has ended");
		disconnect(rings);
	}
	if (count >= 0)
		drop_ended(rings, rings->gate == SYS_NO_CAP);
	if (count < 0)
		return now + RETRY_NS;
	if (count > 0)
		return count < BATCH ? now + LINGER_NS : now;
	if (fall_asleep(rings))
		return now;
	return rings->gate == SYS_NO_CAP ? rings->retry_ns : 0;
}

void rings_free(struct rings *rings)
{
	if (!rings)
		return;
	for (int count = 1; count > 0;)
		count = collect(rings);
	while (rings->list) {
		struct shared *next = rings->list->next;

		drop_shared(rings->list);
		rings->list = next;
	}
	disconnect(rings);
	free(rings);
}
