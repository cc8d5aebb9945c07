#include "line.h"

#include <errno.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/ipc.h>
#include <l4/sys/kernel_object.h>
#include <l4/sys/task.h>
#include <l4/sys/utcb.h>
#include <stdlib.h>

#include "gate.h"
#include "later.h"
#include "memory.h"
#include "recycle.h"
#include "remote.h"

static struct hold *hold_of(struct object *gate, unsigned number, enum hold_state state)
{
	if (!gate->line || number >= HOLDS_MAX || gate->line->hold[number].state != state)
		return NULL;
	return &gate->line->hold[number];
}

static struct hold *free_hold(struct object *gate)
{
	for (unsigned i = 0; i < HOLDS_MAX; i++)
		if (gate->line->hold[i].state == HOLD_NONE)
			return &gate->line->hold[i];
	return NULL;
}

static void end_hold(struct line *line, struct hold *hold)
{
	if (hold->state == HOLD_LENT)
		line->lent -= objects[hold->cap].size;
	hold->state = HOLD_NONE;
	sys_cap_close(hold->cap);
}

static void free_line(struct line *line)
{
	for (unsigned i = 0; i < HOLDS_MAX; i++)
		if (line->hold[i].state != HOLD_NONE)
			end_hold(line, &line->hold[i]);
	free(line);
}

static bool room(const struct object *gate)
{
	for (unsigned i = 0; i < HOLDS_MAX; i++)
		if (gate->line->hold[i].state == HOLD_NONE)
			return true;
	return false;
}

static int put(struct object *gate, sys_cap cap)
{
	struct hold *hold = free_hold(gate);

	if (!hold)
		return -EAGAIN;
	int error = object_hold(cap);
	if (error)
		return error;
	*hold = (struct hold){HOLD_OFFERED, cap};
	return (int)(hold - gate->line->hold);
}

static void cancel(struct object *gate, unsigned number)
{
	end_hold(gate->line, &gate->line->hold[number]);
}

static void sent(struct object *gate, sys_cap cap, unsigned number)
{
	(void)gate;
	(void)cap;
	(void)number;
}

/* The peer may have it mapped still, and write on: what it handed over is a copy. */
static int take(struct object *gate, unsigned number, sys_cap *ret)
{
	struct hold *hold = hold_of(gate, number, HOLD_LENT);
	int error = hold ? memory_copy(hold->cap, ret) : -EINVAL;

	if (hold)
		end_hold(gate->line, hold);
	return error;
}

static bool hold_ring(const struct object *gate)
{
	return gate->line->loop && loop_hold_ring(gate->line->loop, gate);
}

void line_init(void)
{
	static const struct gate_caps caps = {room, put, cancel, sent, take, hold_ring};

	gate_caps = &caps;
	line_free_hook = free_line;
}

/* Nothing is borrowed here. */
void memory_return(struct object *object)
{
	(void)object;
}

int line_new_gate(struct sys_loop *loop, sys_cap *ret)
{
	l4_cap_idx_t factory = l4re_env()->factory, thread = L4_INVALID_CAP;
	l4_umword_t label = 0;
	sys_cap cap;
	int error = object_new(OBJECT_GATE, &cap);

	if (error)
		return error;
	struct object *gate = &objects[cap];
	if (loop)
		error = loop_attach(loop, cap, &thread, &label);
	gate->size = sizeof(struct gate_memory);
	gate->space = slot_new();
	gate->bell[0] = slot_new();
	gate->bell[1] = slot_new();
	gate->gate = slot_new();
	gate->line = calloc(1, sizeof(*gate->line));
	/* A slot that is none makes the kernel refuse. */
	if (error || !gate->line || l4re_ma_alloc(sizeof(struct gate_memory), gate->space, 0) ||
	    l4_error(l4_factory_create_irq(factory, gate->bell[0])) ||
	    l4_error(l4_factory_create(factory, L4_PROTO_SEMAPHORE, gate->bell[1])) ||
	    l4_error(l4_factory_create_gate(factory, gate->gate, thread, label)) ||
	    gate_open(cap, 0)) {
		if (loop)
			loop_detach(loop, cap);
		sys_cap_close(cap);
		return -ENOMEM;
	}
	*ret = cap;
	return 0;
}

/*
 * The peer's end holds a capability of its own to the kernel's gate, which goes over to
 * the peer: when that is given up, wherever it is then, the gate is deleted, and the loop told.
 */
static int new_end(sys_cap gate, sys_cap *ret)
{
	sys_cap cap;
	int error = object_new(OBJECT_END, &cap);

	if (error)
		return error;
	struct object *end = &objects[cap];
	end->foreign = true;
	end->gate = slot_new();
	l4_kobject_dec_refcnt(objects[gate].gate, 1);
	if (l4_error(l4_task_map(L4_BASE_TASK_CAP, L4_BASE_TASK_CAP,
	                         l4_obj_fpage(objects[gate].gate, 0, L4_CAP_FPAGE_RWS),
	                         l4_map_obj_control(end->gate, L4_MAP_ITEM_MAP))) ||
	    object_hold(gate)) {
		sys_cap_close(cap);
		return -ENOMEM;
	}
	end->peer = gate;
	*ret = cap;
	return 0;
}

int sys_gate_pair(sys_cap ret[2])
{
	sys_cap gate, end;
	int error = line_new_gate(NULL, &gate);

	if (error)
		return error;
	error = new_end(gate, &end);
	if (error) {
		sys_cap_close(gate);
		return error;
	}
	ret[0] = gate;
	ret[1] = end;
	return 0;
}

/*
 * What a peer gets in an answer has no more rights than the capability that it called by,
 * which is why that has all but the one to take the server's place.
 */
static void add(l4_msgtag_t *tag, l4_cap_idx_t cap, unsigned char rights, unsigned grant)
{
	l4_msg_regs_t *mr = l4_utcb_mr();
	unsigned items = l4_msgtag_items(*tag), at = l4_msgtag_words(*tag) + 2 * items;

	/* Each goes to a buffer of its own, which l4_sndfpage_add() would not have it do. */
	mr->mr[at] = l4_map_obj_control(0, grant) | L4_ITEM_MAP;
	mr->mr[at + 1] = l4_obj_fpage(cap, 0, rights).raw;
	*tag = l4_msgtag(0, l4_msgtag_words(*tag), items + 1, 0);
}

static void reply(l4_msgtag_t tag)
{
	/* Who calls waits for the answer. Who does not is not waited for. */
	l4_ipc(L4_INVALID_CAP, l4_utcb(), L4_SYSF_SEND | L4_SYSF_REPLY, 0, tag, NULL,
	       l4_timeout(L4_IPC_TIMEOUT_0, L4_IPC_TIMEOUT_0));
}

static void reply_code(long code)
{
	reply(l4_msgtag(code, 0, 0, 0));
}

static void reply_object(sys_cap cap, unsigned number)
{
	const struct object *object = &objects[cap];
	l4_msg_regs_t *mr = l4_utcb_mr();
	l4_msgtag_t tag = l4_msgtag(0, 3, 0, 0);

	mr->mr[1] = object->size;
	mr->mr[2] = number;
	if (object->kind == OBJECT_END) {
		const struct object *gate = &objects[object->peer];

		mr->mr[0] = OBJECT_GATE;
		mr->mr[1] = gate->size;
		add(&tag, gate->space, L4_CAP_FPAGE_RW, L4_MAP_ITEM_MAP);
		add(&tag, gate->bell[1], L4_CAP_FPAGE_RWS, L4_MAP_ITEM_MAP);
		add(&tag, gate->bell[0], L4_CAP_FPAGE_RW, L4_MAP_ITEM_MAP);
		add(&tag, object->gate, L4_CAP_FPAGE_RWS, L4_MAP_ITEM_GRANT);
	} else {
		mr->mr[0] = OBJECT_SPACE | (object->sealed ? REMOTE_SEALED : 0);
		add(&tag, object->space, object->sealed ? L4_CAP_FPAGE_RO : L4_CAP_FPAGE_RW,
		    L4_MAP_ITEM_MAP);
		add(&tag, object->bell[0], L4_CAP_FPAGE_RWS, L4_MAP_ITEM_MAP);
		add(&tag, object->bell[1], L4_CAP_FPAGE_RWS, L4_MAP_ITEM_MAP);
	}
	reply(tag);
}

static void fetch(struct object *gate, l4_umword_t number)
{
	struct hold *hold =
		number < HOLDS_MAX ? hold_of(gate, (unsigned)number, HOLD_OFFERED) : NULL;

	if (!hold) {
		reply_code(-L4_EINVAL);
		return;
	}
	/* Memory that the server does not look into is given to be filled and handed back. */
	struct object *object = &objects[hold->cap];
	bool lend = object->kind == OBJECT_SPACE && !object->sealed && !object->memory;
	/* What a client was sent it may read on, when the server needs it no more. */
	if (object->kind == OBJECT_SPACE && !lend && !gate->line->other)
		object->shared = true;
	reply_object(hold->cap, lend ? (unsigned)number : HOLDS_MAX);
	if (!lend) {
		end_hold(gate->line, hold);
		return;
	}
	hold->state = HOLD_LENT;
	gate->line->lent += object->size;
}

static void lend(struct object *gate, l4_umword_t size)
{
	struct hold *hold = free_hold(gate);
	sys_cap cap;

	if (!hold || !size || size > LENT_MAX || gate->line->lent > LENT_MAX - size ||
	    memory_new(size, &cap)) {
		reply_code(-L4_ENOMEM);
		return;
	}
	*hold = (struct hold){HOLD_LENT, cap};
	gate->line->lent += size;
	reply_object(cap, (unsigned)(hold - gate->line->hold));
}

static void give_back(struct object *gate, l4_umword_t number)
{
	struct hold *hold = number < HOLDS_MAX ? hold_of(gate, (unsigned)number, HOLD_LENT) : NULL;

	if (hold)
		end_hold(gate->line, hold);
	reply_code(hold ? 0 : -L4_EINVAL);
}

bool line_lingers(const struct object *gate)
{
	if (gate->line->other)
		return false;
	for (unsigned i = 0; i < HOLDS_MAX; i++)
		if (gate->line->hold[i].state == HOLD_OFFERED)
			return true;
	return false;
}

void line_serve(struct object *gate, l4_msgtag_t tag)
{
	const l4_msg_regs_t *mr = l4_utcb_mr();
	l4_umword_t what = mr->mr[0], value = mr->mr[1];

	if (l4_msgtag_label(tag) != REMOTE_PROTOCOL || l4_msgtag_words(tag) < 2) {
		if (gate->line->other)
			gate->line->other(gate->line->owner, tag);
		else
			reply_code(-L4_EBADPROTO);
		return;
	}
	switch (what) {
	case REMOTE_FETCH:
		fetch(gate, value);
		break;
	case REMOTE_BORROW:
		/* Workers ask by a message, which the manager grants or not. */
		if (gate->line->other)
			reply_code(-L4_EPERM);
		else
			lend(gate, value);
		break;
	case REMOTE_RETURN:
		give_back(gate, value);
		break;
	default:
		reply_code(-L4_ENOSYS);
	}
}

sys_cap line_serve_door(l4_msgtag_t tag, bool room)
{
	const l4_msg_regs_t *mr = l4_utcb_mr();
	sys_cap ends[2];

	if (l4_msgtag_label(tag) == REMOTE_PROTOCOL && mr->mr[0] == REMOTE_COUNT) {
		l4_utcb_mr()->mr[0] = objects_used();
		l4_utcb_mr()->mr[1] = slots_used() + bodies_used();
		l4_utcb_mr()->mr[2] = recycled();
		reply(l4_msgtag(0, 3, 0, 0));
		return SYS_NO_CAP;
	}
	if (l4_msgtag_label(tag) != REMOTE_PROTOCOL || l4_msgtag_words(tag) < 1 ||
	    mr->mr[0] != REMOTE_KNOCK) {
		reply_code(-L4_ENOSYS);
		return SYS_NO_CAP;
	}
	if (!room || sys_gate_pair(ends)) {
		reply_code(-L4_EAGAIN);
		return SYS_NO_CAP;
	}
	reply_object(ends[1], HOLDS_MAX);
	sys_cap_close(ends[1]);
	return ends[0];
}
