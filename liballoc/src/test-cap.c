#include <liballoc/cap.h>

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	THREADS = 4,
	SLOTS = 8,
};

/* Hook that counts its calls, in total and by slot. */
struct counter {
	atomic_int total;
	atomic_int calls[SLOTS];
};

static void count_unmap(cap_t cap, void *context)
{
	struct counter *counter = context;

	counter->total++;
	counter->calls[cap]++;
}

static struct cap_allocator *new_counted(size_t capacity, struct counter *counter)
{
	struct cap_allocator *caps = NULL;

	memset(counter, 0, sizeof(*counter));
	CHECK_EQ(cap_allocator_new(capacity, count_unmap, counter, &caps), 0);
	return caps;
}

TEST(new_refuses_bad_capacity)
{
	struct cap_allocator *caps = NULL;

	CHECK_EQ(cap_allocator_new(0, NULL, NULL, &caps), -EINVAL);
	CHECK_EQ(cap_allocator_new((size_t)INT32_MAX + 1, NULL, NULL, &caps), -EINVAL);
	CHECK(!caps);
	cap_allocator_free(NULL);
}

TEST(alloc_gives_each_slot_once)
{
	struct counter counter;
	struct cap_allocator *caps = new_counted(SLOTS, &counter);
	bool seen[SLOTS] = {false};
	cap_t cap = CAP_INVALID;

	CHECK_EQ(cap_capacity(caps), SLOTS);
	for (int i = 0; i < SLOTS; i++) {
		CHECK_EQ(cap_alloc(caps, &cap), 0);
		CHECK(cap >= 0 && cap < SLOTS && !seen[cap]);
		seen[cap] = true;
		CHECK_EQ(cap_used(caps), i + 1);
	}
	cap = CAP_INVALID;
	CHECK_EQ(cap_alloc(caps, &cap), -ENOSPC);
	CHECK_EQ(cap, CAP_INVALID);
	CHECK_EQ(cap_release(caps, 3), 1);
	CHECK_EQ(cap_used(caps), SLOTS - 1);
	CHECK_EQ(cap_alloc(caps, &cap), 0);
	CHECK_EQ(cap, 3);
	cap_allocator_free(caps);
	CHECK_EQ(counter.total, SLOTS + 1);
}

TEST(last_release_unmaps)
{
	struct counter counter;
	CAP_ALLOCATOR_AUTO struct cap_allocator *caps = new_counted(SLOTS, &counter);

	CHECK_EQ(cap_adopt(caps, 5), 0);
	CHECK_EQ(cap_take(caps, 5), 0);
	CHECK_EQ(cap_release(caps, 5), 0);
	CHECK_EQ(counter.total, 0);
	CHECK_EQ(cap_release(caps, 5), 1);
	CHECK_EQ(counter.calls[5], 1);
	CHECK_EQ(cap_release(caps, 5), -EINVAL);
	CHECK_EQ(cap_take(caps, 5), -EINVAL);
	CHECK_EQ(cap_used(caps), 0);
	CHECK_EQ(counter.total, 1);
}

TEST(free_wants_the_only_holder)
{
	struct counter counter;
	CAP_ALLOCATOR_AUTO struct cap_allocator *caps = new_counted(SLOTS, &counter);

	CHECK_EQ(cap_adopt(caps, 0), 0);
	CHECK_EQ(cap_take(caps, 0), 0);
	CHECK_EQ(cap_free(caps, 0), -EBUSY);
	CHECK_EQ(cap_release(caps, 0), 0);
	CHECK_EQ(cap_free(caps, 0), 1);
	CHECK_EQ(cap_free(caps, 0), -EINVAL);
	CHECK_EQ(counter.calls[0], 1);
}

TEST(adopt_takes_the_named_slot)
{
	struct counter counter;
	CAP_ALLOCATOR_AUTO struct cap_allocator *caps = new_counted(2, &counter);
	cap_t cap;

	CHECK_EQ(cap_adopt(caps, 1), 0);
	CHECK_EQ(cap_adopt(caps, 1), -EBUSY);
	CHECK_EQ(cap_used(caps), 1);
	CHECK_EQ(cap_alloc(caps, &cap), 0);
	CHECK_EQ(cap, 0);
	CHECK_EQ(cap_adopt(caps, 0), -EBUSY);
	CHECK_EQ(cap_used(caps), 2);
}

TEST(out_of_range_is_refused)
{
	const cap_t bad[] = {CAP_INVALID, INT32_MIN, SLOTS, INT32_MAX};
	struct counter counter;
	CAP_ALLOCATOR_AUTO struct cap_allocator *caps = new_counted(SLOTS, &counter);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(cap_adopt(caps, bad[i]), -EINVAL);
		CHECK_EQ(cap_take(caps, bad[i]), -EINVAL);
		CHECK_EQ(cap_release(caps, bad[i]), -EINVAL);
		CHECK_EQ(cap_free(caps, bad[i]), -EINVAL);
	}
	CHECK_EQ(cap_used(caps), 0);
}

TEST(holders_cannot_overflow)
{
	struct counter counter;
	CAP_ALLOCATOR_AUTO struct cap_allocator *caps = new_counted(1, &counter);

	CHECK_EQ(cap_adopt(caps, 0), 0);
	for (int i = 1; i < CAP_HOLDERS_MAX; i++)
		CHECK_EQ(cap_take(caps, 0), 0);
	CHECK_EQ(cap_take(caps, 0), -EOVERFLOW);
	for (int i = 1; i < CAP_HOLDERS_MAX; i++)
		CHECK_EQ(cap_release(caps, 0), 0);
	CHECK_EQ(counter.total, 0);
	CHECK_EQ(cap_release(caps, 0), 1);
	CHECK_EQ(counter.total, 1);
}

TEST(allocator_free_unmaps_once_a_slot)
{
	struct counter counter;
	struct cap_allocator *caps = new_counted(SLOTS, &counter);

	CHECK_EQ(cap_adopt(caps, 2), 0);
	CHECK_EQ(cap_take(caps, 2), 0);
	CHECK_EQ(cap_adopt(caps, 7), 0);
	cap_allocator_free(caps);
	CHECK_EQ(counter.calls[2], 1);
	CHECK_EQ(counter.calls[7], 1);
	CHECK_EQ(counter.total, 2);
}

/* Hook that does what another thread might do between close() and the hook's end. */
struct reentry {
	struct cap_allocator *caps;
	int depth;
};

static void unmap_reentering(cap_t cap, void *context)
{
	struct reentry *reentry = context;
	cap_t other;

	CHECK_EQ(cap_take(reentry->caps, cap), -EINVAL);
	CHECK_EQ(cap_alloc(reentry->caps, &other), -ENOSPC);
	if (reentry->depth++ == 2)
		return;
	CHECK_EQ(cap_adopt(reentry->caps, cap), 0);
	CHECK_EQ(cap_adopt(reentry->caps, cap), -EBUSY);
	CHECK_EQ(cap_take(reentry->caps, cap), 0);
	CHECK_EQ(cap_release(reentry->caps, cap), 0);
	CHECK_EQ(cap_release(reentry->caps, cap), 1);
	/* The next life's hook has ended, this one's has not. */
	CHECK_EQ(cap_alloc(reentry->caps, &other), -ENOSPC);
	CHECK_EQ(cap_used(reentry->caps), 1);
}

TEST(slot_being_unmapped_can_be_adopted_but_not_allocated)
{
	struct reentry reentry = {NULL, 0};
	cap_t cap;

	CHECK_EQ(cap_allocator_new(1, unmap_reentering, &reentry, &reentry.caps), 0);
	CHECK_EQ(cap_alloc(reentry.caps, &cap), 0);
	CHECK_EQ(cap_release(reentry.caps, cap), 1);
	CHECK_EQ(reentry.depth, 3);
	CHECK_EQ(cap_used(reentry.caps), 0);
	CHECK_EQ(cap_alloc(reentry.caps, &cap), 0);
	reentry.depth = 2;
	cap_allocator_free(reentry.caps);
}

static size_t resident_pages(void *start, size_t bytes)
{
	static unsigned char resident[4096];
	size_t pages = 0;

	CHECK_EQ(mincore(start, bytes, resident), 0);
	for (size_t i = 0; i < bytes / 4096; i++)
		pages += resident[i] & 1;
	return pages;
}

TEST(untouched_slots_cost_nothing)
{
	enum { CAPACITY = 1 << 20 };
	struct cap_allocator *caps;
	cap_t cap;

	CHECK_EQ(cap_allocator_new(CAPACITY, NULL, NULL, &caps), 0);
	for (int i = 0; i < 100000; i++) {
		CHECK_EQ(cap_alloc(caps, &cap), 0);
		CHECK_EQ(cap_release(caps, cap), 1);
	}
	CHECK(resident_pages(caps, CAPACITY * sizeof(cap_t)) <= 2);
	CHECK_EQ(cap_adopt(caps, CAPACITY - 1), 0);
	CHECK_EQ(cap_adopt(caps, CAPACITY), -EINVAL);
	cap_allocator_free(caps);
}

/*
 * Stress: threads share slots and pass holds among each other. Each slot has
 * an independent "mapped" flag that only an alloc sets and only a hook clears;
 * whoever finds it in the wrong state counts a violation.
 */
struct stress {
	struct cap_allocator *caps;
	int (*release)(struct stress *stress, cap_t cap);
	atomic_int mapped[SLOTS];
	atomic_int shared[THREADS]; /* slot with a hold to pick up, or CAP_INVALID */
	atomic_int violations, unmaps, allocs;
	atomic_int holders[SLOTS]; /* of broken_release() only */
	int rounds;
};

struct stress_thread {
	struct stress *stress;
	unsigned index;
};

static void stress_unmap(cap_t cap, void *context)
{
	struct stress *stress = context;

	stress->unmaps++;
	if (atomic_exchange(&stress->mapped[cap], 0) != 1)
		stress->violations++;
	sched_yield();
}

static int real_release(struct stress *stress, cap_t cap)
{
	return cap_release(stress->caps, cap);
}

/* What a careless allocator does: look, then act. The proof must notice it. */
static int broken_release(struct stress *stress, cap_t cap)
{
	int before = stress->holders[cap];

	sched_yield();
	stress->holders[cap] = before - 1;
	if (before == 1)
		stress_unmap(cap, stress);
	return cap_release(stress->caps, cap);
}

static void stress_round(struct stress *stress, unsigned index)
{
	cap_t cap;

	if (cap_alloc(stress->caps, &cap) == 0) {
		stress->allocs++;
		stress->holders[cap] = 2;
		if (atomic_exchange(&stress->mapped[cap], 1) != 0)
			stress->violations++;
		if (cap_take(stress->caps, cap) != 0)
			stress->violations++;
		/* Put one hold where another thread drops it, and drop one here. */
		cap_t old = atomic_exchange(&stress->shared[index], cap);
		if (old != CAP_INVALID)
			stress->release(stress, old);
		stress->release(stress, cap);
	}
	cap = atomic_exchange(&stress->shared[(index + 1) % THREADS], CAP_INVALID);
	if (cap != CAP_INVALID)
		stress->release(stress, cap);
}

static void *stress_main(void *argument)
{
	struct stress_thread *thread = argument;

	for (int i = 0; i < thread->stress->rounds; i++)
		stress_round(thread->stress, thread->index);
	return NULL;
}

static void run_stress(struct stress *stress, void (*unmap)(cap_t, void *))
{
	struct stress_thread args[THREADS];
	pthread_t threads[THREADS];

	CHECK_EQ(cap_allocator_new(SLOTS, unmap, stress, &stress->caps), 0);
	for (unsigned i = 0; i < THREADS; i++)
		stress->shared[i] = CAP_INVALID;
	for (unsigned i = 0; i < THREADS; i++) {
		args[i] = (struct stress_thread){stress, i};
		CHECK_EQ(pthread_create(&threads[i], NULL, stress_main, &args[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		if (stress->shared[i] != CAP_INVALID)
			stress->release(stress, stress->shared[i]);
	for (int i = 0; i < SLOTS; i++)
		stress->violations += stress->mapped[i];
	CHECK_EQ(cap_used(stress->caps), 0);
	cap_allocator_free(stress->caps);
}

TEST(hook_runs_exactly_once)
{
	struct stress stress = {.release = real_release, .rounds = 50000};

	run_stress(&stress, stress_unmap);
	CHECK_EQ(stress.violations, 0);
	CHECK_EQ(stress.unmaps, stress.allocs);
	CHECK(stress.allocs >= stress.rounds);
}

static void unmap_nothing(cap_t cap, void *context)
{
}

TEST(hook_proof_can_fail)
{
	struct stress stress = {.release = broken_release, .rounds = 50000};

	run_stress(&stress, unmap_nothing);
	CHECK(stress.violations > 0);
}

/* Many threads drop one slot's holds at the same moment; one of them is the last. */
struct drop_race {
	struct cap_allocator *caps;
	pthread_barrier_t barrier;
	atomic_int lasts;
};

static void *drop_main(void *argument)
{
	struct drop_race *race = argument;

	for (int i = 0; i < 5000; i++) {
		pthread_barrier_wait(&race->barrier);
		race->lasts += cap_release(race->caps, 0);
		pthread_barrier_wait(&race->barrier);
	}
	return NULL;
}

TEST(one_of_many_is_the_last)
{
	struct counter counter;
	struct drop_race race = {.caps = new_counted(1, &counter)};
	pthread_t threads[THREADS];

	pthread_barrier_init(&race.barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, drop_main, &race), 0);
	for (int i = 0; i < 5000; i++) {
		CHECK_EQ(cap_adopt(race.caps, 0), 0);
		for (int k = 1; k < THREADS; k++)
			CHECK_EQ(cap_take(race.caps, 0), 0);
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
		CHECK_EQ(race.lasts, i + 1);
		CHECK_EQ(counter.total, i + 1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.barrier);
	cap_allocator_free(race.caps);
}

/* Slots that are real file descriptors: what the kernel hands out must be adoptable. */
static void close_fd(cap_t cap, void *context)
{
	atomic_int *failures = context;

	if (close(cap) < 0)
		(*failures)++;
	/* The window in which another thread gets this very number. */
	sched_yield();
}

struct fd_race {
	struct cap_allocator *caps;
	atomic_int failures;
};

static void *fd_main(void *argument)
{
	struct fd_race *race = argument;

	for (int i = 0; i < 20000; i++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || cap_adopt(race->caps, fd) != 0 || cap_take(race->caps, fd) != 0 ||
		    cap_release(race->caps, fd) != 0 || cap_release(race->caps, fd) != 1)
			race->failures++;
	}
	return NULL;
}

TEST(fds_of_the_kernel_are_adoptable)
{
	struct fd_race race = {.failures = 0};
	pthread_t threads[THREADS];

	CHECK_EQ(cap_allocator_new(1024, close_fd, &race.failures, &race.caps), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, fd_main, &race), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(race.failures, 0);
	CHECK_EQ(cap_used(race.caps), 0);
	cap_allocator_free(race.caps);
}

/* Claims that collide must leave the count of used slots right. */
static void yield_unmap(cap_t cap, void *context)
{
	sched_yield();
}

static void *adopt_main(void *argument)
{
	struct fd_race *race = argument;

	for (int i = 0; i < 100000; i++)
		if (cap_adopt(race->caps, 0) == 0 && cap_release(race->caps, 0) != 1)
			race->failures++;
	return NULL;
}

TEST(colliding_adopts_are_counted_once)
{
	struct fd_race race = {.failures = 0};
	pthread_t threads[THREADS];

	CHECK_EQ(cap_allocator_new(1024, yield_unmap, NULL, &race.caps), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, adopt_main, &race), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(race.failures, 0);
	CHECK_EQ(cap_used(race.caps), 0);
	cap_allocator_free(race.caps);
}
