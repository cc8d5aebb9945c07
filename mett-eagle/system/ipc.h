#pragma once

/*
 * What every process of the platform stands on: capabilities, gates that move
 * messages with capabilities, dataspaces, windows to sleep on, one clock. On
 * Linux a capability is a file descriptor.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t sys_cap;
#define SYS_NO_CAP ((sys_cap)-1)

enum { SYS_CAPS_MAX = 16 };

enum {
	SYS_AGAIN = 1, /* nothing to read, or no room to write, now */
	SYS_CLOSED,    /* peer is gone */
	SYS_REFUSED,   /* message broke the rules and was dropped */
	SYS_CUT,       /* the message's capabilities are lost: there is no room for them here */
};

/** struct sys_received - what came along with a message; caps are the receiver's to close */
struct sys_received {
	size_t size;
	unsigned cap_count;
	sys_cap caps[SYS_CAPS_MAX];
};

/** sys_cap_close() - let go of a capability; SYS_NO_CAP is fine. Keeps errno. */
void sys_cap_close(sys_cap cap);

/** sys_received_close() - close all capabilities of a message that nobody wants */
void sys_received_close(struct sys_received *received);

/**
 * sys_gate_pair() - two ends of a new gate
 *
 * Return: 0 or a negative errno.
 */
int sys_gate_pair(sys_cap ret[2]);

/**
 * sys_gate_send() - send one message; does not block
 * @caps: stay the sender's; at most SYS_CAPS_MAX
 *
 * Return: 0, SYS_AGAIN, SYS_CLOSED, or a negative errno.
 */
int sys_gate_send(sys_cap gate, const void *data, size_t size, const sys_cap *caps, unsigned count);

/**
 * sys_gate_recv() - take one message; does not block
 * @data: memory of @size bytes, written whenever 0 or SYS_CUT is returned
 * @ret:  size and capabilities, written when 0 or SYS_CUT is returned, then without any of these
 *
 * Return: 0, SYS_AGAIN, SYS_CLOSED, SYS_REFUSED (longer than @size, or more
 * capabilities than SYS_CAPS_MAX), SYS_CUT, or a negative errno.
 */
int sys_gate_recv(sys_cap gate, void *data, size_t size, struct sys_received *ret);

/**
 * sys_gate_wait() - wait until a gate has something to read or take
 * @write:       0: to read; 1: room to write
 * @deadline_ns: on sys_clock_ns(); 0: none
 *
 * Return: 0 (also when the peer is gone), SYS_AGAIN when the time ran out, or a
 * negative errno, -EINTR among them.
 */
int sys_gate_wait(sys_cap gate, int write, uint64_t deadline_ns);

/**
 * sys_dataspace_new() - memory of @size bytes, zeroed, that can be mapped and handed on
 * @name:       for people who look at the process
 * @executable: 1 when it may be a program
 *
 * It can neither shrink nor grow.
 *
 * Return: 0 or a negative errno.
 */
int sys_dataspace_new(const char *name, size_t size, int executable, sys_cap *ret);

/**
 * sys_dataspace_seal() - nobody can change it from now on
 *
 * Return: 0, -EBUSY while somebody can still write to a mapping of it, -EINVAL
 * when it is no dataspace.
 */
int sys_dataspace_seal(sys_cap dataspace);

/**
 * sys_dataspace_check() - is this a sealed dataspace, and how large?
 *
 * Never blocks, whatever @cap is.
 *
 * Return: 0, or -EINVAL.
 */
int sys_dataspace_check(sys_cap cap, size_t *ret_size);

/**
 * sys_dataspace_wipe() - all its bytes are zero again
 * @memory: where it is mapped, writable
 * @keep:   in bytes
 *
 * Memory used in pieces of up to @keep stays in place, what is longer goes back to the machine.
 *
 * Return: 0 or a negative errno.
 */
int sys_dataspace_wipe(sys_cap dataspace, void *memory, size_t size, size_t keep);

/**
 * sys_map() - map the first @size bytes of a dataspace
 *
 * Return: 0 or a negative errno; give back with sys_unmap().
 */
int sys_map(sys_cap dataspace, size_t size, int writable, void **ret);

/** sys_unmap() - give back what sys_map() gave; NULL is fine */
void sys_unmap(void *memory, size_t size);

/**
 * sys_word_wait() - sleep while *@word is @value; may return early
 * @deadline_ns: on sys_clock_ns(); 0: none
 */
void sys_word_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);

/** sys_word_wake() - wake who sleeps on @word */
void sys_word_wake(_Atomic uint32_t *word);

/** sys_clock_ns() - nanoseconds on the one clock of all times of the platform */
uint64_t sys_clock_ns(void);
