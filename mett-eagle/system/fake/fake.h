#pragma once

/*
 * Fake system: what the manager stands on, in the memory of one process. Time
 * stands still until the test moves it; sandboxes and workers do what the test
 * says and nothing else, unless it makes them automatic. All calls may come from
 * any thread.
 *
 * Nothing is ever closed by itself, so that what the manager forgets can be
 * counted at the end: see fake_left().
 */
#include "../sandbox.h"

enum {
	FAKE_CAPS_MAX = 4096,
	FAKE_USER = 1000, /* the server's user, and everybody's unless a test says otherwise */
	FAKE_ROOM_DEFAULT = 16, /* messages that a gate holds in one direction */
};

/** fake_left() - number of capabilities, maps, loops, sandboxes and workers; says which on stderr
 */
unsigned fake_left(void);

/** fake_caps() - number of capabilities there are */
unsigned fake_caps(void);

/** fake_clock_advance() - let time pass */
void fake_clock_advance(uint64_t ns);

/** fake_threads() - 1: loops with nothing to do wait, instead of returning to the test */
void fake_threads(int wait);

/** fake_idle() - 1 when no watch of the loop has anything to do */
int fake_idle(struct sys_loop *loop);

/** fake_room() - a gate holds @messages in each direction from now on */
void fake_room(unsigned messages);

/** fake_break_recv() - the next sys_gate_recv() on @gate returns @error, negative or SYS_CUT */
void fake_break_recv(sys_cap gate, int error);

/** fake_break_send() - the next sys_gate_send() on @gate returns @error, negative */
void fake_break_send(sys_cap gate, int error);

/** fake_dataspace() - a sealed dataspace with these bytes; the caller's to close */
sys_cap fake_dataspace(const void *data, size_t size);

/** fake_dataspace_claim() - have a dataspace say that it is larger than it is */
void fake_dataspace_claim(sys_cap dataspace, size_t size);

/** fake_door() - a door for sys_gate_accept(); close as any capability */
sys_cap fake_door(void);

/** fake_knock() - a client's end of a new gate whose other end waits at the door */
sys_cap fake_knock(sys_cap door);

/** fake_user() - of whoever knocks from now on */
void fake_user(uint32_t user);

/** fake_door_fails() - sys_gate_accept() returns @error, negative, until told 0 */
void fake_door_fails(int error);

/**
 * fake_fail() - have memory or descriptors run out
 * @after: so many allocations still succeed, the next fails; all behind it succeed
 *
 * Allocations are malloc(), calloc(), realloc() and pthread_create() of what is
 * tested, and each fallible call of the system.
 */
void fake_fail(unsigned after);

/** fake_failed() - did the failure happen? And none is due any more. */
int fake_failed(void);

/* Sandboxes and workers are numbered from 0, each in the order in which they were ordered. */

/** fake_forget() - begin to number anew; all are freed */
void fake_forget(void);

/** fake_sandboxes() - number of sandboxes ordered so far */
unsigned fake_sandboxes(void);

/** fake_workers() - number of workers ordered so far */
unsigned fake_workers(void);

/** fake_sandbox() - that sandbox, or NULL once it is freed */
struct sys_sandbox *fake_sandbox(unsigned number);

/** fake_worker() - that worker, or NULL once it is freed */
struct sys_worker *fake_worker(unsigned number);

/** fake_launcher_busy() - 1: the turn of what is to be started does not come by itself */
void fake_launcher_busy(int busy);

/** fake_automatic() - 1: zygotes come up, workers park, echo their argument, and end when killed */
void fake_automatic(int automatic);

/** fake_sandbox_ready() - the zygote is up */
void fake_sandbox_ready(struct sys_sandbox *sandbox);

/** fake_sandbox_fails() - it did not come up, or is gone; @why is kept */
void fake_sandbox_fails(struct sys_sandbox *sandbox, const char *why);

/** fake_sandbox_core() - core it was ordered for */
unsigned fake_sandbox_core(struct sys_sandbox *sandbox);

/** fake_sandbox_environment() - what its program was to be started with; of the sandbox */
const char *fake_sandbox_environment(struct sys_sandbox *sandbox, size_t *ret_size);

/** fake_worker_parks() - the worker sleeps on its window */
void fake_worker_parks(struct sys_worker *worker);

/** fake_worker_fails() - it could not be made; @why is kept */
void fake_worker_fails(struct sys_worker *worker, const char *why);

/** fake_worker_says() - it sends a message; as sys_gate_send() */
int fake_worker_says(struct sys_worker *worker, const void *data, size_t size, const sys_cap *caps,
                     unsigned count);

/** fake_worker_hears() - it takes a message; as sys_gate_recv() */
int fake_worker_hears(struct sys_worker *worker, void *data, size_t size, struct sys_received *ret);

/** fake_worker_hangs_up() - it closes its end of its gate */
void fake_worker_hangs_up(struct sys_worker *worker);

/** fake_worker_writes() - it writes to its standard error; @text is kept */
void fake_worker_writes(struct sys_worker *worker, const char *text);

/** fake_worker_ends() - its process ends; what it said before is told after, by the manager's
 * choice */
void fake_worker_ends(struct sys_worker *worker, int signal, int code);

/** fake_worker_used() - so much memory, until it ended */
void fake_worker_used(struct sys_worker *worker, uint64_t memory);

/** fake_worker_hold() - 1: what happens to its process is not told until 0 */
void fake_worker_hold(struct sys_worker *worker, int hold);

/** fake_worker_spawned() - 1: it has a sandbox of its own */
int fake_worker_spawned(struct sys_worker *worker);

/** fake_worker_environment() - the same of a worker that was spawned */
const char *fake_worker_environment(struct sys_worker *worker, size_t *ret_size);

/** fake_worker_killed() - how many times the manager told it to end */
unsigned fake_worker_killed(struct sys_worker *worker);

/** fake_worker_limit() - memory limit in force */
uint64_t fake_worker_limit(struct sys_worker *worker);

/** fake_worker_awake() - how many times it was woken with work */
unsigned fake_worker_awake(struct sys_worker *worker);

/* The store: there is one, whatever its path. It outlives sys_store_close(). */

/** fake_store_fails() - what would change it returns @error, negative, until told 0 */
void fake_store_fails(int error);

/** fake_store_doubts() - the next record is kept, and yet -EIO comes of it */
void fake_store_doubts(void);

/** fake_store_damage() - a record that is there is damaged */
void fake_store_damage(const char *space, const char *key);

/** fake_store_damage_code() - a program that is there is damaged */
void fake_store_damage_code(const char *digest);

/** fake_store_aside() - number of records and programs that were moved aside as damaged */
unsigned fake_store_aside(void);

/** fake_store_count() - number of programs, with 1, or of records, with 0 */
unsigned fake_store_count(int is_code);

/** fake_store_forget() - it is empty, and fails no more */
void fake_store_forget(void);
