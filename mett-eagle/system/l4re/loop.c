#include "later.h"

#include <errno.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/ipc.h>
#include <l4/sys/irq.h>
#include <l4/sys/rcv_endpoint.h>
#include <l4/sys/scheduler.h>
#include <l4/sys/task.h>
#include <l4/sys/thread.h>
#include <pthread-l4.h>
#include <pthread.h>
#include <stdlib.h>

#include "door.h"
#include "gate.h"
#include "line.h"
#include "reaper.h"
#include "time.h"

enum { EVENTS_AT_ONCE = 64, ACCEPTED_MAX = 64, MAKING_NS = 1000000 };

/* What a message was sent to. The low bits of a label are the kernel's. */
enum source { SOURCE_WAKE, SOURCE_DELETED, SOURCE_BELL, SOURCE_CALL };

/* A gate, or the door, of a loop. */
struct seat {
	struct seat *next;
	sys_cap cap;
	unsigned long life; /* so that a late message is not taken for one to the next owner */
	struct sys_watch *watch;
	enum sys_watch_for what;
	bool queued;  /* to be called */
	bool bound;   /* the kernel sends its calls to the loop's thread already */
	bool lingers; /* only until the peer has taken what it was sent */
};

struct sys_loop {
	l4_cap_idx_t thread; /* L4_INVALID_CAP until it runs */
	l4_cap_idx_t wake, deleted;
	struct seat *seats;
	unsigned long lives;
	struct later *later, *idle, **idle_end;
	bool made; /* something that has not been up since */
	bool holds_rings;
	const struct object *to_ring; /* NULL: nobody */
};

struct door {
	sys_cap accepted[ACCEPTED_MAX];
	unsigned first, count;
} door;

static l4_umword_t label_of(enum source source, const struct seat *seat)
{
	l4_umword_t life = seat ? seat->life : 0, cap = seat ? (l4_umword_t)seat->cap : 0;

	return life << 20 | cap << 4 | (l4_umword_t)source << 2;
}

static struct seat *seat_of(const struct sys_loop *loop, l4_umword_t label)
{
	struct seat *seat = loop->seats;

	while (seat && label_of(label >> 2 & 3, seat) != label)
		seat = seat->next;
	return seat;
}

int sys_loop_new(struct sys_loop **ret)
{
	struct sys_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->thread = L4_INVALID_CAP;
	loop->idle_end = &loop->idle;
	loop->wake = slot_new();
	loop->deleted = slot_new();
	if (l4_error(l4_factory_create_irq(l4re_env()->factory, loop->wake)) ||
	    l4_error(l4_factory_create_irq(l4re_env()->factory, loop->deleted))) {
		sys_loop_free(loop);
		return -ENOMEM;
	}
	*ret = loop;
	return 0;
}

static void remove_seat(struct sys_loop *loop, struct seat *seat)
{
	struct seat **link = &loop->seats;

	while (*link != seat)
		link = &(*link)->next;
	*link = seat->next;
	if (seat->lingers)
		sys_cap_close(seat->cap);
	free(seat);
}

void sys_loop_free(struct sys_loop *loop)
{
	if (!loop)
		return;
	const l4_cap_idx_t caps[] = {loop->wake, loop->deleted};

	while (loop->seats)
		remove_seat(loop, loop->seats);
	slots_drop(caps, 2, true);
	free(loop);
}

/* From now on the kernel sends what comes for this seat to the loop's thread. */
static void bind(struct sys_loop *loop, struct seat *seat)
{
	const struct object *object = &objects[seat->cap];

	if (!seat->bound)
		l4_rcv_ep_bind_thread(object->gate, loop->thread, label_of(SOURCE_CALL, seat));
	seat->bound = true;
	if (object->kind == OBJECT_GATE)
		l4_rcv_ep_bind_thread(object->bell[0], loop->thread, label_of(SOURCE_BELL, seat));
}

static void begin(struct sys_loop *loop)
{
	loop->thread = pthread_l4_cap(pthread_self());
	l4_rcv_ep_bind_thread(loop->wake, loop->thread, label_of(SOURCE_WAKE, NULL));
	l4_rcv_ep_bind_thread(loop->deleted, loop->thread, label_of(SOURCE_DELETED, NULL));
	l4_thread_register_del_irq(loop->thread, loop->deleted);
	for (struct seat *seat = loop->seats; seat; seat = seat->next)
		bind(loop, seat);
}

static struct seat *find(const struct sys_loop *loop, sys_cap cap)
{
	struct seat *seat = loop->seats;

	while (seat && seat->cap != cap)
		seat = seat->next;
	return seat;
}

static struct seat *add_seat(struct sys_loop *loop, sys_cap cap)
{
	struct seat *seat = calloc(1, sizeof(*seat));

	if (!seat)
		return NULL;
	*seat = (struct seat){.next = loop->seats, .cap = cap, .life = ++loop->lives};
	loop->seats = seat;
	return seat;
}

int loop_attach(struct sys_loop *loop, sys_cap cap, l4_cap_idx_t *ret_thread,
                l4_umword_t *ret_label)
{
	struct seat *seat = add_seat(loop, cap);

	if (!seat)
		return -ENOMEM;
	seat->bound = loop->thread != L4_INVALID_CAP;
	*ret_thread = loop->thread;
	*ret_label = label_of(SOURCE_CALL, seat);
	return 0;
}

void loop_detach(struct sys_loop *loop, sys_cap cap)
{
	struct seat *seat = find(loop, cap);

	if (seat)
		remove_seat(loop, seat);
}

int sys_loop_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap)
{
	struct seat *seat = find(loop, cap);

	if (!seat)
		seat = add_seat(loop, cap);
	if (!seat)
		return -ENOMEM;
	if (loop->thread != L4_INVALID_CAP)
		bind(loop, seat);
	if (objects[cap].line)
		objects[cap].line->loop = loop;
	seat->watch = watch;
	seat->what = SYS_FOR_READING;
	seat->queued = true; /* something may be there already */
	watch->cap = cap;
	return 0;
}

void sys_loop_watch_for(struct sys_loop *loop, struct sys_watch *watch, enum sys_watch_for what)
{
	struct seat *seat = find(loop, watch->cap);

	seat->what = what;
	seat->queued = true;
}

void sys_loop_unwatch(struct sys_loop *loop, struct sys_watch *watch)
{
	if (watch->cap == SYS_NO_CAP)
		return;
	struct seat *seat = find(loop, watch->cap);
	const struct object *object = &objects[seat->cap];

	if (object->line)
		object->line->loop = NULL;
	/* What was sent is still to be had when the sender has left. */
	if (object->kind == OBJECT_GATE && !object->gone && line_lingers(object) &&
	    !object_hold(seat->cap)) {
		seat->watch = NULL;
		seat->lingers = true;
	} else {
		remove_seat(loop, seat);
	}
	watch->cap = SYS_NO_CAP;
}

void loop_hold_rings(struct sys_loop *loop)
{
	loop->holds_rings = true;
}

static void ring(struct sys_loop *loop)
{
	if (loop->to_ring && loop->to_ring->kind == OBJECT_GATE)
		gate_ring(loop->to_ring);
	loop->to_ring = NULL;
}

void loop_ring(struct sys_loop *loop)
{
	loop->holds_rings = false;
	ring(loop);
}

/* One at a time: a session has one client. */
bool loop_hold_ring(struct sys_loop *loop, const struct object *gate)
{
	if (!loop->holds_rings)
		return false;
	if (loop->to_ring != gate)
		ring(loop);
	loop->to_ring = gate;
	return true;
}

void later_queue(struct sys_loop *loop, struct later *later)
{
	if (later->queued)
		return;
	later->queued = true;
	later->next = loop->later;
	loop->later = later;
}

void later_queue_idle(struct sys_loop *loop, struct later *later)
{
	if (later->queued)
		return;
	later->queued = true;
	later->next = NULL;
	*loop->idle_end = later;
	loop->idle_end = &later->next;
}

static bool remove_from(struct later **list, struct later *later)
{
	while (*list && *list != later)
		list = &(*list)->next;
	if (!*list)
		return false;
	*list = later->next;
	return true;
}

void later_cancel(struct sys_loop *loop, struct later *later)
{
	if (!later->queued)
		return;
	later->queued = false;
	if (remove_from(&loop->later, later))
		return;
	remove_from(&loop->idle, later);
	loop->idle_end = &loop->idle;
	while (*loop->idle_end)
		loop->idle_end = &(*loop->idle_end)->next;
}

/* Some gates of this loop are deleted: their peers are gone. */
static void look_for_deleted(struct sys_loop *loop)
{
	for (struct seat *seat = loop->seats, *next; seat; seat = next) {
		struct object *object = &objects[seat->cap];

		next = seat->next;
		if (object->kind == OBJECT_GATE && !object->gone &&
		    l4_msgtag_label(l4_task_cap_valid(L4_BASE_TASK_CAP, object->gate)) <= 0) {
			object->gone = true;
			seat->queued = true;
			if (seat->lingers)
				remove_seat(loop, seat);
		}
	}
}

static void knock(struct seat *seat, l4_msgtag_t tag)
{
	sys_cap gate = line_serve_door(tag, door.count < ACCEPTED_MAX);

	if (gate == SYS_NO_CAP)
		return;
	door.accepted[(door.first + door.count++) % ACCEPTED_MAX] = gate;
	seat->queued = true;
}

static void handle(struct sys_loop *loop, l4_msgtag_t tag, l4_umword_t label)
{
	struct seat *seat = NULL;

	label &= ~(l4_umword_t)3;
	switch ((enum source)(label >> 2 & 3)) {
	case SOURCE_WAKE:
		break;
	case SOURCE_DELETED:
		look_for_deleted(loop);
		break;
	case SOURCE_BELL:
		seat = seat_of(loop, label);
		if (seat)
			seat->queued = true;
		break;
	case SOURCE_CALL:
		seat = seat_of(loop, label);
		if (seat && objects[seat->cap].kind == OBJECT_DOOR)
			knock(seat, tag);
		else if (seat)
			line_serve(&objects[seat->cap], tag);
		if (seat)
			seat->queued = true; /* it may have made room */
		if (seat && seat->lingers && !line_lingers(&objects[seat->cap]))
			remove_seat(loop, seat);
		break;
	}
}

/* Returns whether something came. */
static bool receive(struct sys_loop *loop, l4_timeout_t timeout)
{
	l4_umword_t label;
	l4_buf_regs_t *br = l4_utcb_br();

	/* Nobody can give this process a capability. */
	br->bdr = 0;
	br->br[0] = 0;
	l4_msgtag_t tag = l4_ipc_wait(l4_utcb(), &label, timeout);
	if (l4_ipc_error(tag, l4_utcb()) & L4_IPC_RETIMEOUT)
		return false;
	if (!l4_msgtag_has_error(tag))
		handle(loop, tag, label);
	return true;
}

static bool due(const struct seat *seat)
{
	const struct object *object = &objects[seat->cap];

	if (!seat->watch)
		return false;
	if (object->kind == OBJECT_DOOR)
		return door.count;
	if (seat->what == SYS_FOR_NOTHING)
		return false;
	return seat->what == SYS_FOR_WRITING ? gate_writable(object) : gate_readable(object);
}

/* Each that is due is called once. Any call may remove any seat, and add others. */
static void call_due(struct sys_loop *loop)
{
	unsigned long newest = loop->lives + 1;

	for (;;) {
		struct seat *seat = loop->seats;

		while (seat && (seat->life >= newest || !seat->queued))
			seat = seat->next;
		if (!seat)
			break;
		newest = seat->life; /* they are in the list from the newest to the oldest */
		seat->queued = false;
		if (!due(seat))
			continue;
		seat->watch->ready(seat->watch);
	}
	for (struct seat *seat = loop->seats; seat; seat = seat->next)
		seat->queued = due(seat);
}

static bool run_all(struct sys_loop *loop)
{
	bool any = loop->later;

	while (loop->later) {
		struct later *later = loop->later;

		loop->later = later->next;
		later->queued = false;
		later->run(later);
	}
	return any;
}

static bool run_idle(struct sys_loop *loop)
{
	struct later *later = loop->idle;

	if (!later)
		return false;
	loop->idle = later->next;
	if (!loop->idle)
		loop->idle_end = &loop->idle;
	later->queued = false;
	later->run(later);
	loop->made = true;
	return true;
}

int sys_loop_run(struct sys_loop *loop, uint64_t deadline_ns)
{
	const l4_timeout_t now = l4_timeout(L4_IPC_TIMEOUT_0, L4_IPC_TIMEOUT_0);
	l4_timeout_t timeout = time_until(deadline_ns);

	if (loop->thread == L4_INVALID_CAP)
		begin(loop);
	/* What these did may concern the caller: then there is no time to sleep. */
	bool waiting = run_all(loop);
	for (struct seat *seat = loop->seats; seat && !waiting; seat = seat->next)
		waiting = seat->queued;
	/* What was made last gets the core first, as somebody may wait for it; or what is to end.
	 */
	bool pause = loop->made || reaper_behind();
	if (waiting || loop->idle)
		timeout = waiting || !pause ? now : time_until(sys_clock_ns() + MAKING_NS);
	loop->made = false;
	bool came = receive(loop, timeout);
	if (!came && !waiting && !reaper_behind() && run_idle(loop)) {
		run_all(loop);
		return 0;
	}
	for (unsigned i = 1; came && i < EVENTS_AT_ONCE; i++)
		came = receive(loop, now);
	call_due(loop);
	run_all(loop);
	return 0;
}

void sys_loop_wake(struct sys_loop *loop)
{
	l4_irq_trigger(loop->wake);
}

int sys_gate_accept(sys_cap cap, sys_cap *ret)
{
	(void)cap;
	if (!door.count)
		return SYS_AGAIN;
	*ret = door.accepted[door.first];
	door.first = (door.first + 1) % ACCEPTED_MAX;
	door.count--;
	return 0;
}

int door_open(const char *name, sys_cap *ret)
{
	l4_cap_idx_t gate = l4re_env_get_cap(name);
	sys_cap cap;
	int error = gate & L4_INVALID_CAP_BIT ? -ENOENT : object_new(OBJECT_DOOR, &cap);

	if (error)
		return error;
	objects[cap].gate = gate;
	objects[cap].foreign = true;
	*ret = cap;
	return 0;
}

uint64_t loop_cores(void)
{
	l4_sched_cpu_set_t set = l4_sched_cpu_set(0, 0, 0);
	l4_umword_t count;

	if (l4_error(l4_scheduler_info(l4re_env()->scheduler, &count, &set)))
		return 1;
	return set.map;
}

int sys_core_pin(unsigned core)
{
	l4_sched_param_t param = l4_sched_param(PRIORITY_ALL, 0);

	param.affinity = l4_sched_cpu_set(core, 0, 1);
	return l4_error(l4_scheduler_run_thread(l4re_env()->scheduler,
	                                        pthread_l4_cap(pthread_self()), &param))
	               ? -EINVAL
	               : 0;
}
