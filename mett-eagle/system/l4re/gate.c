#include "gate.h"

#include <errno.h>
#include <l4/re/c/rm.h>
#include <l4/re/env.h>
#include <l4/sys/irq.h>
#include <l4/sys/semaphore.h>
#include <string.h>

#include "memory.h"
#include "time.h"

/* So long a wait lasts before it is looked whether the peer is there still. */
static const uint64_t LOOK_NS = 1000000000;

const struct gate_caps *gate_caps;

static struct ring *out_ring(const struct object *gate)
{
	return &((struct gate_memory *)gate->memory)->ring[gate->side];
}

static struct ring *in_ring(const struct object *gate)
{
	return &((struct gate_memory *)gate->memory)->ring[!gate->side];
}

int gate_open(sys_cap cap, unsigned side)
{
	struct object *gate = &objects[cap];
	void *memory;
	int error = memory_attach(gate->space, sizeof(struct gate_memory), L4RE_RM_F_RW,
	                          L4_PAGESHIFT, memory_place(cap), &memory);

	if (error)
		return error;
	gate->memory = memory;
	gate_begin(gate, side);
	return 0;
}

void gate_begin(struct object *gate, unsigned side)
{
	gate->side = side;
	/* The peer of a server goes on where one before it on this end has left off. */
	gate->written = atomic_load(&out_ring(gate)->written);
	gate->read = atomic_load(&in_ring(gate)->read);
}

void gate_ring(const struct object *gate)
{
	l4_irq_trigger(gate->bell[1]); /* of a semaphore this is its up() */
}

void gate_close(struct object *gate)
{
	if (!gate->memory)
		return;
	atomic_store(&out_ring(gate)->closed, 1);
	gate_ring(gate);
	l4re_rm_detach_unmap((l4_addr_t)gate->memory, L4_BASE_TASK_CAP);
	gate->memory = NULL;
}

static size_t room_for(const struct ring_head *head)
{
	return sizeof(*head) + ((head->size + 7) & ~(size_t)7);
}

static void copy_in(struct ring *ring, uint32_t position, const void *data, size_t size)
{
	size_t at = position % RING_SIZE, first = size < RING_SIZE - at ? size : RING_SIZE - at;

	memcpy(ring->data + at, data, first);
	memcpy(ring->data, (const char *)data + first, size - first);
}

static void copy_out(const struct ring *ring, uint32_t position, void *data, size_t size)
{
	size_t at = position % RING_SIZE, first = size < RING_SIZE - at ? size : RING_SIZE - at;

	memcpy(data, ring->data + at, first);
	memcpy((char *)data + first, ring->data, size - first);
}

static bool peer_closed(const struct object *gate)
{
	return gate->gone || atomic_load(&in_ring(gate)->closed);
}

/* A reader that says it has read what was never written only hurts itself. */
static size_t free_room(const struct object *gate)
{
	uint32_t used = gate->written - atomic_load(&out_ring(gate)->read);

	return used > RING_SIZE ? 0 : RING_SIZE - used;
}

bool gate_readable(const struct object *gate)
{
	return atomic_load(&in_ring(gate)->written) != gate->read || peer_closed(gate);
}

bool gate_writable(const struct object *gate)
{
	return peer_closed(gate) ||
	       (free_room(gate) >= MESSAGE_MAX + sizeof(struct ring_head) && gate_caps->room(gate));
}

static void cancel(struct object *gate, const struct ring_head *head)
{
	for (unsigned i = 0; i < head->count; i++)
		gate_caps->cancel(gate, head->cap[i]);
}

static int put_caps(struct object *gate, struct ring_head *head, const sys_cap *caps,
                    unsigned count)
{
	for (; head->count < count; head->count++) {
		int number = gate_caps->put(gate, caps[head->count]);

		if (number < 0) {
			cancel(gate, head);
			return number == -EAGAIN ? SYS_AGAIN : number;
		}
		head->cap[head->count] = (uint32_t)number;
	}
	return 0;
}

int sys_gate_send(sys_cap cap, const void *data, size_t size, const sys_cap *caps, unsigned count)
{
	struct object *gate = object_of(cap, OBJECT_GATE);
	struct ring_head head = {.size = (uint32_t)size};
	struct ring *ring;

	if (!gate || count > SYS_CAPS_MAX || size > MESSAGE_MAX)
		return -EINVAL;
	if (peer_closed(gate))
		return SYS_CLOSED;
	ring = out_ring(gate);
	if (free_room(gate) < room_for(&head)) {
		atomic_store(&ring->full, 1);
		if (free_room(gate) < room_for(&head))
			return SYS_AGAIN;
	}
	int error = put_caps(gate, &head, caps, count);
	if (error)
		return error;
	copy_in(ring, gate->written, &head, sizeof(head));
	copy_in(ring, gate->written + sizeof(head), data, size);
	gate->written += (uint32_t)room_for(&head);
	atomic_store(&ring->written, gate->written);
	if (!gate_caps->hold_ring || !gate_caps->hold_ring(gate))
		gate_ring(gate);
	for (unsigned i = 0; i < count; i++)
		gate_caps->sent(gate, caps[i], head.cap[i]);
	return 0;
}

static void leave(struct object *gate, uint32_t position)
{
	struct ring *ring = in_ring(gate);

	gate->read = position;
	atomic_store(&ring->read, position);
	if (atomic_load(&ring->full) && atomic_exchange(&ring->full, 0))
		gate_ring(gate);
}

static int take_caps(struct object *gate, const struct ring_head *head, struct sys_received *ret)
{
	int error = 0;

	ret->cap_count = 0;
	for (unsigned i = 0; i < head->count; i++) {
		if (gate_caps->take(gate, head->cap[i], &ret->caps[ret->cap_count]))
			error = SYS_REFUSED;
		else
			ret->cap_count++;
	}
	if (error)
		sys_received_close(ret);
	return error;
}

int sys_gate_recv(sys_cap cap, void *data, size_t size, struct sys_received *ret)
{
	struct object *gate = object_of(cap, OBJECT_GATE);
	struct ring_head head;

	if (!gate)
		return -EINVAL;
	struct ring *ring = in_ring(gate);
	uint32_t there = atomic_load(&ring->written) - gate->read;
	if (!there)
		return peer_closed(gate) ? SYS_CLOSED : SYS_AGAIN;
	/* From here on a private copy counts: what is in the ring can change. */
	if (there >= sizeof(head))
		copy_out(ring, gate->read, &head, sizeof(head));
	if (there > RING_SIZE || there < sizeof(head) || head.size > MESSAGE_MAX ||
	    head.count > SYS_CAPS_MAX || room_for(&head) > there) {
		gate->gone = true; /* where the next one begins nobody can say */
		return SYS_REFUSED;
	}
	uint32_t begin = gate->read + (uint32_t)sizeof(head);
	uint32_t end = gate->read + (uint32_t)room_for(&head);
	struct sys_received got = {.size = head.size};
	int error = head.size > size ? SYS_REFUSED : take_caps(gate, &head, &got);
	if (!error) {
		copy_out(ring, begin, data, head.size);
		*ret = got;
	}
	leave(gate, end);
	return error;
}

/* The kernel knows: a message that means nothing is answered as long as somebody is there. */
static bool peer_answers(const struct object *gate)
{
	l4_msgtag_t tag = l4_ipc_call(gate->gate, l4_utcb(), l4_msgtag(0, 0, 0, 0),
	                              l4_timeout(L4_IPC_TIMEOUT_0, l4_timeout_from_us(1000000)));
	long error = l4_ipc_error(tag, l4_utcb());

	return error != L4_IPC_ENOT_EXISTENT;
}

int sys_gate_wait(sys_cap cap, int write, uint64_t deadline_ns)
{
	struct object *gate = object_of(cap, OBJECT_GATE);

	if (!gate)
		return -EINVAL;
	if (write)
		atomic_store(&out_ring(gate)->full, 1);
	while (!(write ? gate_writable(gate) : gate_readable(gate))) {
		uint64_t now = sys_clock_ns(), look = now + LOOK_NS;

		if (deadline_ns && now >= deadline_ns)
			return SYS_AGAIN;
		if (deadline_ns && deadline_ns < look)
			look = deadline_ns;
		l4_msgtag_t tag = l4_semaphore_down(gate->bell[0], time_until(look));
		if (l4_ipc_error(tag, l4_utcb()) == L4_IPC_RETIMEOUT && look != deadline_ns &&
		    !peer_answers(gate))
			gate->gone = true;
	}
	return 0;
}
