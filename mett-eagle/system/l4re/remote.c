#include "remote.h"

#include <errno.h>
#include <l4/re/c/dataspace.h>
#include <l4/sys/err.h>
#include <l4/sys/ipc.h>
#include <l4/sys/utcb.h>

#include "gate.h"
#include "memory.h"

/* A call that gives an object. Its kind, size and number come in words. */
static int call(l4_cap_idx_t gate, enum remote_call what, l4_umword_t value, sys_cap *ret)
{
	l4_umword_t words[3] = {OBJECT_NONE};
	l4_cap_idx_t slots[REMOTE_CAPS];
	sys_cap cap;
	int error = object_new(OBJECT_SPACE, &cap);

	if (error)
		return error;
	for (unsigned i = 0; i < REMOTE_CAPS; i++) {
		slots[i] = slot_new();
		if (slots[i] == L4_INVALID_CAP)
			error = -ENFILE;
	}
	if (!error) {
		l4_msg_regs_t *mr = l4_utcb_mr();
		l4_buf_regs_t *br = l4_utcb_br();

		mr->mr[0] = what;
		mr->mr[1] = value;
		br->bdr = 0;
		for (unsigned i = 0; i < REMOTE_CAPS; i++)
			br->br[i] = slots[i] | L4_RCV_ITEM_SINGLE_CAP;
		br->br[REMOTE_CAPS] = 0;
		l4_msgtag_t tag = l4_ipc_call(gate, l4_utcb(), l4_msgtag(REMOTE_PROTOCOL, 2, 0, 0),
		                              L4_IPC_NEVER);
		for (unsigned i = 0; i < 3; i++)
			words[i] = mr->mr[i];
		br->br[0] = 0;
		error = (int)l4_error(tag);
	}
	struct object *object = &objects[cap];
	object->foreign = true;
	object->space = slots[0];
	object->bell[0] = slots[1];
	object->bell[1] = slots[2];
	object->gate = slots[3];
	object->kind = (enum object_kind)(words[0] & REMOTE_KIND);
	object->sealed = words[0] & REMOTE_SEALED;
	object->size = words[1];
	object->hold = (unsigned)words[2];
	if (!error && object->kind == OBJECT_GATE)
		error = gate_open(cap, 1);
	if (error) {
		object->kind = OBJECT_SPACE;
		sys_cap_close(cap);
		return error < 0 ? error : -EIO;
	}
	*ret = cap;
	return 0;
}

int remote_knock(l4_cap_idx_t door, sys_cap *ret)
{
	return call(door, REMOTE_KNOCK, 0, ret);
}

int remote_count(l4_cap_idx_t door, struct remote_count *ret)
{
	l4_msg_regs_t *mr = l4_utcb_mr();

	mr->mr[0] = REMOTE_COUNT;
	l4_msgtag_t tag =
		l4_ipc_call(door, l4_utcb(), l4_msgtag(REMOTE_PROTOCOL, 2, 0, 0), L4_IPC_NEVER);
	*ret = (struct remote_count){mr->mr[0], mr->mr[1], mr->mr[2]};
	return l4_error(tag) ? -EIO : 0;
}

static void give_back(const struct object *gate, unsigned number)
{
	l4_msg_regs_t *mr = l4_utcb_mr();

	mr->mr[0] = REMOTE_RETURN;
	mr->mr[1] = number;
	l4_ipc_call(gate->gate, l4_utcb(), l4_msgtag(REMOTE_PROTOCOL, 2, 0, 0), L4_IPC_NEVER);
}

void memory_return(struct object *object)
{
	struct object *gate = object_of(object->origin, OBJECT_GATE);

	if (gate)
		give_back(gate, object->hold);
}

static bool room(const struct object *gate)
{
	(void)gate;
	return true;
}

/*
 * Memory of the server's own is named by its number; the contents of any other go into
 * some that is borrowed for this.
 */
static int put(struct object *gate, sys_cap cap)
{
	struct object *object = object_of(cap, OBJECT_SPACE);
	sys_cap lent;

	if (!object)
		return -EINVAL;
	if (object->origin == (sys_cap)(gate - objects))
		return (int)object->hold;
	int error = call(gate->gate, REMOTE_BORROW, object->size, &lent);
	if (error)
		return error;
	int number = (int)objects[lent].hold;
	if (l4re_ds_copy_in(objects[lent].space, 0, object->space, 0, object->size)) {
		give_back(gate, (unsigned)number);
		number = -ENOMEM;
	}
	sys_cap_close(lent);
	return number;
}

static void cancel(struct object *gate, unsigned number)
{
	/* A peer sends one at most: then there is none before it to take back. */
	(void)gate;
	(void)number;
}

static void sent(struct object *gate, sys_cap cap, unsigned number)
{
	(void)gate;
	(void)number;
	objects[cap].origin = SYS_NO_CAP;
}

static int take(struct object *gate, unsigned number, sys_cap *ret)
{
	int error = call(gate->gate, REMOTE_FETCH, number, ret);

	if (!error && objects[*ret].hold < HOLDS_MAX)
		objects[*ret].origin = (sys_cap)(gate - objects);
	return error;
}

void remote_init(void)
{
	static const struct gate_caps caps = {room, put, cancel, sent, take, NULL};

	gate_caps = &caps;
}
