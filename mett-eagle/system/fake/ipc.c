#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.room = FAKE_ROOM_DEFAULT,
	.now_ns = 1000000000,
	.fail_after = -1,
	.user = FAKE_USER,
};

void fake_lock(void)
{
	pthread_mutex_lock(&fake.mutex);
}

void fake_unlock(void)
{
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.mutex);
}

static struct object *object_new(enum object_kind kind)
{
	struct object *object = fake_alloc(sizeof(*object));

	object->kind = kind;
	object->holders = 1;
	object->queue_end = &object->queue;
	return object;
}

static void unhold(struct object *object);

static void packet_free(struct packet *packet)
{
	for (unsigned i = 0; i < packet->count; i++)
		unhold(packet->carried[i]);
	free(packet);
}

static struct packet *dequeue(struct object *object)
{
	struct packet *packet = object->queue;

	object->queue = packet->next;
	if (!object->queue)
		object->queue_end = &object->queue;
	object->queued--;
	return packet;
}

static void enqueue(struct object *object, struct packet *packet)
{
	*object->queue_end = packet;
	object->queue_end = &packet->next;
	object->queued++;
}

static void unhold(struct object *object)
{
	if (--object->holders)
		return;
	while (object->queue)
		packet_free(dequeue(object));
	if (object->peer)
		object->peer->peer = NULL;
	fake_pages_free(object);
	free(object);
}

struct object *fake_object(sys_cap cap)
{
	return cap >= 0 && cap < FAKE_CAPS_MAX ? fake.caps[cap] : NULL;
}

sys_cap fake_name(struct object *object)
{
	for (sys_cap cap = 3; cap < FAKE_CAPS_MAX; cap++)
		if (!fake.caps[cap]) {
			fake.caps[cap] = object;
			return cap;
		}
	unhold(object);
	return SYS_NO_CAP;
}

bool fake_readable(const struct object *object)
{
	return object->queue || (object->kind == OBJECT_GATE && !object->peer) ||
	       (object->kind == OBJECT_DOOR && fake.door_error);
}

bool fake_writable(const struct object *object)
{
	return !object->peer || object->peer->queued < fake.room;
}

void sys_cap_close(sys_cap cap)
{
	if (cap == SYS_NO_CAP)
		return;
	fake_lock();
	struct object *object = fake_object(cap);
	if (!object) {
		fprintf(stderr, "# capability %d was closed, and is none\n", (int)cap);
		abort();
	}
	fake.caps[cap] = NULL;
	unhold(object);
	fake_unlock();
}

void sys_received_close(struct sys_received *received)
{
	for (unsigned i = 0; i < received->cap_count; i++)
		sys_cap_close(received->caps[i]);
	received->cap_count = 0;
}

int sys_gate_pair(sys_cap ret[2])
{
	if (fake_fails())
		return -EMFILE;
	struct object *ends[2] = {object_new(OBJECT_GATE), object_new(OBJECT_GATE)};

	ends[0]->peer = ends[1];
	ends[1]->peer = ends[0];
	fake_lock();
	ret[0] = fake_name(ends[0]);
	ret[1] = fake_name(ends[1]);
	fake_unlock();
	return 0;
}

static int take_break(int *broken)
{
	int error = *broken;

	*broken = 0;
	return error;
}

static int send_locked(struct object *gate, const void *data, size_t size, const sys_cap *caps,
                       unsigned count)
{
	int error = !gate || gate->kind != OBJECT_GATE ? -ENOTSOCK : take_break(&gate->broken_send);

	if (error)
		return error;
	for (unsigned i = 0; i < count; i++)
		if (!fake_object(caps[i]))
			return -EBADF;
	if (!gate->peer)
		return SYS_CLOSED;
	if (gate->peer->queued >= fake.room)
		return SYS_AGAIN;
	struct packet *packet = fake_alloc(sizeof(*packet) + size);
	packet->size = size;
	packet->count = count;
	memcpy(packet->data, data, size);
	for (unsigned i = 0; i < count; i++) {
		packet->carried[i] = fake_object(caps[i]);
		packet->carried[i]->holders++;
	}
	enqueue(gate->peer, packet);
	return 0;
}

int sys_gate_send(sys_cap gate, const void *data, size_t size, const sys_cap *caps, unsigned count)
{
	if (count > SYS_CAPS_MAX)
		return -EINVAL;
	fake_lock();
	int result = send_locked(fake_object(gate), data, size, caps, count);
	fake_unlock();
	return result;
}

static int recv_locked(struct object *gate, void *data, size_t size, struct sys_received *ret)
{
	int error = !gate || gate->kind != OBJECT_GATE ? -ENOTSOCK : take_break(&gate->broken_recv);

	if (error && error != SYS_CUT)
		return error;
	if (!gate->queue)
		return gate->peer ? SYS_AGAIN : SYS_CLOSED;
	struct packet *packet = dequeue(gate);
	if (packet->size > size) {
		packet_free(packet);
		return SYS_REFUSED;
	}
	memcpy(data, packet->data, packet->size);
	ret->size = packet->size;
	ret->cap_count = 0;
	if (error) {
		packet_free(packet);
		return error;
	}
	ret->cap_count = packet->count;
	for (unsigned i = 0; i < packet->count; i++)
		ret->caps[i] = fake_name(packet->carried[i]);
	packet->count = 0;
	packet_free(packet);
	return 0;
}

int sys_gate_recv(sys_cap gate, void *data, size_t size, struct sys_received *ret)
{
	fake_lock();
	int result = recv_locked(fake_object(gate), data, size, ret);
	fake_unlock();
	return result;
}

int sys_gate_wait(sys_cap gate, int write, uint64_t deadline_ns)
{
	fake_lock();
	for (;;) {
		struct object *object = fake_object(gate);
		bool ready = object && (write ? fake_writable(object) : fake_readable(object));

		if (ready || !fake.threads || (deadline_ns && fake.now_ns >= deadline_ns)) {
			fake_unlock();
			return ready ? 0 : SYS_AGAIN;
		}
		pthread_cond_wait(&fake.changed, &fake.mutex);
	}
}

int sys_dataspace_new(const char *name, size_t size, int executable, sys_cap *ret)
{
	if (fake_fails())
		return -ENOMEM;
	struct object *object = object_new(OBJECT_DATASPACE);

	fake_pages(object, size);
	fake_lock();
	*ret = fake_name(object);
	fake_unlock();
	return 0;
}

int sys_dataspace_seal(sys_cap dataspace)
{
	fake_lock();
	struct object *object = fake_object(dataspace);
	int error = 0;

	if (!object || object->kind != OBJECT_DATASPACE)
		error = -EINVAL;
	else if (object->writers)
		error = -EBUSY;
	else
		object->sealed = true;
	fake_unlock();
	return error;
}

int sys_dataspace_check(sys_cap cap, size_t *ret_size)
{
	fake_lock();
	struct object *object = fake_object(cap);
	int error = object && object->kind == OBJECT_DATASPACE && object->sealed ? 0 : -EINVAL;

	if (!error)
		*ret_size = object->size;
	fake_unlock();
	return error;
}

int sys_dataspace_wipe(sys_cap dataspace, void *memory, size_t size, size_t keep)
{
	memset(memory, 0, size);
	return 0;
}

/* Memory stays after its capability: maps are pages of their own hold. */
struct map {
	struct map *next;
	struct object *object;
	bool writable;
};

static struct map *maps;

int sys_map(sys_cap dataspace, size_t size, int writable, void **ret)
{
	if (fake_fails())
		return -ENOMEM;
	struct map *map = fake_alloc(sizeof(*map));

	fake_lock();
	struct object *object = fake_object(dataspace);
	if (!object || object->kind != OBJECT_DATASPACE || size > object->size ||
	    (writable && object->sealed)) {
		fake_unlock();
		free(map);
		return -EINVAL;
	}
	*map = (struct map){maps, object, writable};
	maps = map;
	object->holders++;
	object->writers += writable;
	fake.maps++;
	*ret = object->memory;
	fake_unlock();
	return 0;
}

void sys_unmap(void *memory, size_t size)
{
	if (!memory)
		return;
	fake_lock();
	struct map **link = &maps;
	while (*link && (*link)->object->memory != memory)
		link = &(*link)->next;
	struct map *map = *link;
	if (!map) {
		fprintf(stderr, "# memory was unmapped that is no map\n");
		abort();
	}
	*link = map->next;
	map->object->writers -= map->writable;
	unhold(map->object);
	free(map);
	fake.maps--;
	fake_unlock();
}

void sys_word_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	fake_lock();
	if (fake.threads && atomic_load(word) == value)
		pthread_cond_wait(&fake.changed, &fake.mutex);
	fake_unlock();
}

void sys_word_wake(_Atomic uint32_t *word)
{
	fake_lock();
	fake_processes_wake(word);
	fake_unlock();
}

uint64_t sys_clock_ns(void)
{
	fake_lock();
	uint64_t now = fake.now_ns++; /* no two moments are one */
	pthread_mutex_unlock(&fake.mutex);
	return now;
}

void fake_clock_advance(uint64_t ns)
{
	fake_lock();
	fake.now_ns += ns;
	fake_unlock();
}

void fake_room(unsigned messages)
{
	fake_lock();
	fake.room = messages;
	fake_unlock();
}

void fake_break_recv(sys_cap gate, int error)
{
	fake_lock();
	fake_object(gate)->broken_recv = error;
	fake_unlock();
}

void fake_break_send(sys_cap gate, int error)
{
	fake_lock();
	fake_object(gate)->broken_send = error;
	fake_unlock();
}

sys_cap fake_dataspace(const void *data, size_t size)
{
	struct object *object = object_new(OBJECT_DATASPACE);

	fake_pages(object, size);
	memcpy(object->memory, data, size);
	object->sealed = true;
	fake_lock();
	sys_cap cap = fake_name(object);
	fake_unlock();
	return cap;
}

void fake_dataspace_claim(sys_cap dataspace, size_t size)
{
	fake_lock();
	fake_object(dataspace)->size = size;
	fake_unlock();
}

sys_cap fake_door(void)
{
	fake_lock();
	sys_cap cap = fake_name(object_new(OBJECT_DOOR));
	fake_unlock();
	return cap;
}

sys_cap fake_knock(sys_cap door)
{
	struct object *client = object_new(OBJECT_GATE), *server = object_new(OBJECT_GATE);
	struct packet *packet = fake_alloc(sizeof(*packet));

	client->peer = server;
	server->peer = client;
	packet->carried[0] = server;
	packet->count = 1;
	fake_lock();
	enqueue(fake_object(door), packet);
	sys_cap cap = fake_name(client);
	fake_unlock();
	return cap;
}

void fake_door_fails(int error)
{
	fake_lock();
	fake.door_error = error;
	fake_unlock();
}

int sys_gate_accept(sys_cap door, sys_cap *ret)
{
	fake_lock();
	struct object *object = fake_object(door);
	int result = fake.door_error ? fake.door_error : object->queue ? 0 : SYS_AGAIN;

	if (!result) {
		struct packet *packet = dequeue(object);

		*ret = fake_name(packet->carried[0]);
		packet->count = 0;
		packet_free(packet);
	}
	fake_unlock();
	return result;
}

unsigned fake_caps(void)
{
	unsigned count = 0;

	fake_lock();
	for (unsigned i = 0; i < FAKE_CAPS_MAX; i++)
		count += fake.caps[i] != NULL;
	fake_unlock();
	return count;
}

unsigned fake_left(void)
{
	static const char *const kinds[] = {"gate", "dataspace", "door"};
	unsigned processes = fake_processes_left(), caps = fake_caps();

	fake_lock();
	for (unsigned i = 0; i < FAKE_CAPS_MAX; i++)
		if (fake.caps[i])
			fprintf(stderr, "# capability %u is left: a %s\n", i,
			        kinds[fake.caps[i]->kind]);
	if (fake.maps || fake.loops || processes)
		fprintf(stderr, "# %u maps, %u loops, %u sandboxes and workers are left\n",
		        fake.maps, fake.loops, processes);
	unsigned left = caps + fake.maps + fake.loops + processes;
	fake_unlock();
	return left;
}
