#include "seat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "sandbox.h"

/* So many messages may be left of a worker; what left more is not worth the time. */
enum { LEFTOVERS_MAX = 16 };

static uint32_t take_number(struct sys_sandbox *sandbox)
{
	if (!~sandbox->seats)
		return SEAT_NONE;
	uint32_t number = (uint32_t)__builtin_ctzll(~sandbox->seats);

	sandbox->seats |= (uint64_t)1 << number;
	return number;
}

/* Our own: by the time the zygote is asked, who lent it may have closed it. */
static int keep_callee(struct sys_seat *seat, sys_cap callee)
{
	if (callee == SYS_NO_CAP)
		return 0;
	seat->given[FORK_CALLEE] = fcntl(callee, F_DUPFD_CLOEXEC, 0);
	return seat->given[FORK_CALLEE] < 0 ? -errno : 0;
}

/* A zygote, too, can write here while nobody sits. */
static void gate_ready(struct sys_watch *watch)
{
	struct sys_seat *seat = OWNER_OF(watch, struct sys_seat, gate);
	char data[MESSAGE_MAX];
	struct sys_received got;

	if (seat->worker) {
		worker_readable(seat->worker);
		return;
	}
	int result = sys_gate_recv(seat->end, data, sizeof(data), &got);
	if (result == SYS_AGAIN)
		return;
	if (result == 0)
		sys_received_close(&got);
	seat->spoken = true;
	sys_loop_unwatch(seat->sandbox->loop, &seat->gate);
}

int seat_new(struct sys_sandbox *sandbox, const struct sys_window *window, struct sys_seat **ret)
{
	struct sys_seat *seat = calloc(1, sizeof(*seat));
	sys_cap gates[2];

	_Static_assert(SEATS_MAX == 8 * sizeof(sandbox->seats), "a bit for each seat");
	if (!seat)
		return -ENOMEM;
	int error = sys_gate_pair(gates);
	if (error) {
		free(seat);
		return error;
	}
	seat->gate = (struct sys_watch){.ready = gate_ready, .cap = SYS_NO_CAP};
	seat->sandbox = sandbox;
	seat->end = gates[0];
	seat->given[FORK_GATE] = gates[1];
	seat->given[FORK_WINDOW] = window->cap;
	seat->given[FORK_CALLEE] = SYS_NO_CAP;
	seat->given[FORK_LOG] = SYS_NO_CAP;
	seat->number = take_number(sandbox);
	error = keep_callee(seat, window->callee);
	if (!error)
		error = tail_init(&seat->log, sandbox->loop, &seat->given[FORK_LOG]);
	if (error)
		seat_free(seat);
	else
		*ret = seat;
	return error;
}

bool seat_furnished(const struct sys_seat *seat)
{
	return seat->given[FORK_GATE] == SYS_NO_CAP;
}

void seat_furnish(struct sys_seat *seat)
{
	static const enum fork_cap ours[] = {FORK_GATE, FORK_LOG, FORK_CALLEE};

	for (unsigned i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		sys_cap_close(seat->given[ours[i]]);
		seat->given[ours[i]] = SYS_NO_CAP;
	}
}

int seat_take(struct sys_seat *seat, struct sys_worker *worker)
{
	seat->worker = worker;
	/* To watch it for one worker after the other would be two system calls a call. */
	return seat->gate.cap == SYS_NO_CAP
	               ? sys_loop_watch(seat->sandbox->loop, &seat->gate, seat->end)
	               : 0;
}

bool seat_clear(struct sys_seat *seat)
{
	char data[MESSAGE_MAX];
	struct sys_received got;
	int result = 0;

	seat->worker = NULL;
	if (seat->number == SEAT_NONE || seat->spoken)
		return false;
	for (int i = 0;
	     i < LEFTOVERS_MAX && (result == 0 || result == SYS_REFUSED || result == SYS_CUT);
	     i++) {
		result = sys_gate_recv(seat->end, data, sizeof(data), &got);
		if (result == 0)
			sys_received_close(&got);
	}
	return result == SYS_AGAIN && tail_clear(&seat->log);
}

void seat_free(struct sys_seat *seat)
{
	if (!seat)
		return;
	if (seat->number != SEAT_NONE)
		seat->sandbox->seats &= ~((uint64_t)1 << seat->number);
	seat_furnish(seat);
	sys_loop_unwatch(seat->sandbox->loop, &seat->gate);
	tail_deinit(&seat->log);
	sys_cap_close(seat->end);
	free(seat);
}
