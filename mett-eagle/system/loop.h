#pragma once

/*
 * Event loop of one thread, the threads' cores, and the door at which clients
 * knock. All calls but sys_loop_wake() belong to the thread that runs the loop.
 */
#include "ipc.h"

struct sys_loop;

/**
 * struct sys_watch - interest in one gate; embedded in what owns it
 * @ready: called while there is a message to take, the peer is gone, or, if that
 *         was asked for, there is room to write
 */
struct sys_watch {
	void (*ready)(struct sys_watch *watch);
	sys_cap cap; /* SYS_NO_CAP while not watched */
};

/** sys_loop_new() - returns 0 or a negative errno */
int sys_loop_new(struct sys_loop **ret);

/** sys_loop_free() - with no watch left on it; NULL is fine */
void sys_loop_free(struct sys_loop *loop);

/**
 * sys_loop_run() - wait until something happens, and call the watches it concerns
 * @deadline_ns: on sys_clock_ns(); 0: none
 *
 * A watch may be removed and its owner freed by any handler, its own too.
 *
 * Return: 0, also when woken or when the time ran out; or a negative errno.
 */
int sys_loop_run(struct sys_loop *loop, uint64_t deadline_ns);

/** sys_loop_wake() - make sys_loop_run() return; from any thread */
void sys_loop_wake(struct sys_loop *loop);

/** sys_loop_watch() - begin to watch @cap for reading; returns 0 or a negative errno */
int sys_loop_watch(struct sys_loop *loop, struct sys_watch *watch, sys_cap cap);

enum sys_watch_for {
	SYS_FOR_READING,
	SYS_FOR_WRITING, /* room to write; what there is to read is not told */
	SYS_FOR_NOTHING, /* that the peer is gone may be told all the same, once */
};

/** sys_loop_watch_for() - what to watch for from now on */
void sys_loop_watch_for(struct sys_loop *loop, struct sys_watch *watch, enum sys_watch_for what);

/** sys_loop_unwatch() - end a watch, if there is one; before its capability is closed */
void sys_loop_unwatch(struct sys_loop *loop, struct sys_watch *watch);

/**
 * sys_gate_accept() - take one knocking client; does not block
 * @door: capability the server listens on
 *
 * Return: 0, SYS_AGAIN, or a negative errno (-EMFILE and -ENFILE among them).
 */
int sys_gate_accept(sys_cap door, sys_cap *ret);

/**
 * sys_gate_hear() - take a stranger's message; does not block, whatever came along
 * @data:     memory of @size bytes
 * @ret_size: of the message in bytes; where that is more than @size, the rest is lost
 *
 * Return: 0, SYS_AGAIN, SYS_CLOSED, SYS_REFUSED (there are capabilities with it; then the gate
 * is to be discarded), or a negative errno.
 */
int sys_gate_hear(sys_cap gate, void *data, size_t size, size_t *ret_size);

/**
 * sys_gate_discard() - let go of a stranger's gate, with all that is still in it
 *
 * Does not wait, even if that takes as long to close as its sender likes. Nobody may watch it any
 * more. SYS_NO_CAP is fine.
 */
void sys_gate_discard(sys_cap gate);

/** sys_gate_peer() - user id of whoever knocked with this gate; 0 or a negative errno */
int sys_gate_peer(sys_cap gate, uint32_t *ret_user);

/** sys_user() - user id of this process */
uint32_t sys_user(void);

/** sys_calendar_us() - microseconds since 1970, for people: it may jump */
uint64_t sys_calendar_us(void);

/** sys_core_pin() - keep the calling thread on one core; returns 0 or a negative errno */
int sys_core_pin(unsigned core);
