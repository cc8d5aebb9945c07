#include "recycle.h"

#include <errno.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/factory.h>
#include <l4/sys/ipc.h>
#include <l4/sys/scheduler.h>
#include <l4/sys/semaphore.h>
#include <l4/sys/task.h>
#include <pthread-l4.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "later.h"

enum {
	CORES = 64,
	SPARE_MAX = 160,   /* of a stock */
	COMING_BACK = 160, /* so many are waited for, rather than that new ones are made */
	HURRY = 32,        /* with more than these it takes its turn with sessions and workers */
	ROUNDS_MAX = 100,  /* a thread that was deleted may have to wait for its core to end */
	PAGES = 60,        /* as many as fit a message */
	PAUSE_US = 1000,
};

/*
 * Nothing here takes a lock: what recycles has the lowest priority, and whoever waited for
 * it would wait for each function that computes.
 */
struct stock {
	struct layout layout;
	size_t rest; /* of a new one, see body_rest(); 0: not known yet */
	struct body *mine;
	struct body *_Atomic spare;   /* are added one by one, and taken all together */
	_Atomic unsigned spare_count; /* of both */
	_Atomic unsigned holders;     /* its owner, and each body */
	_Atomic bool closed;
};

/* One a core: whoever is deleted there has his turn to end when this one waits. */
struct recycler {
	unsigned core;
	l4_cap_idx_t thread, work;
	struct body *_Atomic given_back;
	struct body *body; /* in work */
	_Atomic unsigned backlog;
	_Atomic bool hurries;
};

static struct recycler recyclers[CORES];
static _Atomic unsigned long lives; /* but for the first ones */

int stock_new(const struct image *image, struct stock **ret)
{
	struct stock *stock = calloc(1, sizeof(*stock));

	if (!stock)
		return -ENOMEM;
	body_layout(image, &stock->layout);
	stock->holders = 1;
	*ret = stock;
	return 0;
}

static void let_go(struct stock *stock)
{
	if (atomic_fetch_sub(&stock->holders, 1) == 1)
		free(stock);
}

static void run_at(struct recycler *recycler, unsigned priority)
{
	l4_sched_param_t param = l4_sched_param(priority, 0);

	param.affinity = l4_sched_cpu_set(recycler->core, 0, 1);
	l4_scheduler_run_thread(l4re_env()->scheduler, recycler->thread, &param);
}

/*
 * It works when nobody else does; with many to work on it takes its turn with sessions and
 * workers. Who gives back raises it: it might not come to see for itself.
 */
static void set_priority(struct recycler *recycler, bool hurry)
{
	if (atomic_exchange(&recycler->hurries, hurry) != hurry)
		run_at(recycler, hurry ? PRIORITY_ALL : PRIORITY_STOPPED);
}

static void push(struct body *_Atomic *list, struct body *body)
{
	body->next = atomic_load(list);
	while (!atomic_compare_exchange_weak(list, &body->next, body))
		;
}

static void give_back(struct body *body)
{
	struct recycler *recycler = &recyclers[body->core];

	push(&recycler->given_back, body);
	if (atomic_fetch_add(&recycler->backlog, 1) >= HURRY)
		set_priority(recycler, true);
	l4_semaphore_up(recycler->work);
}

void recycle(struct body *body)
{
	body->stage = BODY_SPENT;
	body->rounds = 0;
	give_back(body);
}

static void recycle_all(struct body *body)
{
	while (body) {
		struct body *next = body->next;

		recycle(body);
		body = next;
	}
}

void stock_free(struct stock *stock)
{
	if (!stock)
		return;
	atomic_store(&stock->closed, true);
	recycle_all(stock->mine);
	recycle_all(atomic_exchange(&stock->spare, NULL));
	let_go(stock);
}

static unsigned backlog(const struct recycler *recycler)
{
	return atomic_load_explicit(&recycler->backlog, memory_order_relaxed);
}

int stock_take(struct stock *stock, bool wait, unsigned core, struct body **ret)
{
	struct body *body = stock->mine ? stock->mine : atomic_exchange(&stock->spare, NULL);

	if (body) {
		stock->mine = body->next;
		atomic_fetch_sub(&stock->spare_count, 1);
		atomic_fetch_add(&lives, 1);
	} else {
		if (wait && backlog(&recyclers[core]) > COMING_BACK)
			return -EAGAIN;
		int error = body_new(&stock->layout, &body);
		if (error)
			return error;
		body->stock = stock;
		body->core = core;
		atomic_fetch_add(&stock->holders, 1);
	}
	*ret = body;
	return 0;
}

unsigned long recycled(void)
{
	return atomic_load(&lives);
}

static bool wanted(const struct stock *stock)
{
	return !atomic_load(&stock->closed) && atomic_load(&stock->spare_count) < SPARE_MAX;
}

/* Its owner may close it at any time: then whoever comes last takes out what is in it. */
static void put_in_stock(struct body *body)
{
	struct stock *stock = body->stock;

	atomic_fetch_sub(&recyclers[body->core].backlog, 1);
	atomic_fetch_add(&stock->holders, 1);
	atomic_fetch_add(&stock->spare_count, 1);
	push(&stock->spare, body);
	if (atomic_load(&stock->closed))
		recycle_all(atomic_exchange(&stock->spare, NULL));
	let_go(stock);
}

/* Neither malloc() nor the reaper take their locks at the lowest priority. */
static void end(struct body *body)
{
	struct recycler *recycler = &recyclers[body->core];
	struct stock *stock = body->stock;

	atomic_fetch_sub(&recycler->backlog, 1);
	run_at(recycler, PRIORITY_MOE);
	body_end(body);
	let_go(stock);
	run_at(recycler, recycler->hurries ? PRIORITY_ALL : PRIORITY_STOPPED);
}

/* What a process of this stock has left when it is new is found out with one that never runs. */
static size_t stock_rest(struct stock *stock, struct recycler *recycler)
{
	struct body *model;

	if (stock->rest)
		return stock->rest;
	run_at(recycler, PRIORITY_MOE);
	if (!body_new(&stock->layout, &model)) {
		stock->rest = body_rest(model);
		body_free(model);
	}
	run_at(recycler, recycler->hurries ? PRIORITY_ALL : PRIORITY_STOPPED);
	return stock->rest;
}

/*
 * May this process have another life? Its thread is deleted, all that was mapped where a
 * process has things is unmapped, its capabilities are gone. All kernel memory of its
 * thread, its task, page tables, tables of capabilities, and of each single mapping was
 * from one factory: if as much is left in that as in one that has never run, there is
 * nothing else that the process had, did or was.
 */
static bool as_new(const struct body *body)
{
	size_t rest = stock_rest(body->stock, &recyclers[body->core]);

	return rest && body_prove(body, rest);
}

static unsigned all_of(struct body *body, l4_fpage_t *pages)
{
	body->stage = BODY_ENDED;
	return body_pages_all(body, pages);
}

/*
 * One step of one process. @pages are to be unmapped before the next one; none while it waits.
 *
 * Return: false: it is done with.
 */
static bool step(struct body *body, l4_fpage_t *pages, unsigned *ret_count)
{
	*ret_count = 0;
	switch (body->stage) {
	case BODY_SPENT:
		if (!wanted(body->stock)) {
			*ret_count = all_of(body, pages);
			return true;
		}
		body->stage = BODY_STOPPED;
		*ret_count = body_pages_thread(body, pages);
		return true;
	case BODY_STOPPED:
		body->stage = BODY_BARE;
		body_strip(body);
		*ret_count = body_pages_life(body, pages);
		return true;
	case BODY_BARE:
		if (as_new(body)) {
			body->stage = BODY_PROVEN;
			*ret_count = body_pages_proof(body, pages);
		} else if (++body->rounds > ROUNDS_MAX) {
			*ret_count = all_of(body, pages);
		}
		return true;
	case BODY_PROVEN:
		put_in_stock(body);
		return false;
	case BODY_ENDED:
		end(body);
		return false;
	}
	return false;
}

/*
 * moe looks at all its objects each time that one is deleted. At its own priority it is kept
 * from that until all of these are, and looks once.
 */
static void unmap(struct recycler *recycler, const l4_fpage_t *pages, unsigned count)
{
	run_at(recycler, PRIORITY_MOE);
	l4_task_unmap_batch(L4_BASE_TASK_CAP, pages, count, L4_FP_DELETE_OBJ);
	run_at(recycler, recycler->hurries ? PRIORITY_ALL : PRIORITY_STOPPED);
}

/* Each unmapping waits for a grace period, however much it is. Returns whether there was any. */
static bool step_all(struct recycler *recycler)
{
	l4_fpage_t pages[PAGES];
	unsigned count = 0, more;
	bool any = false;

	for (struct body **link = &recycler->body; *link;) {
		struct body *body = *link, *next = body->next;

		if (step(body, pages + count, &more))
			link = &body->next;
		else
			*link = next;
		count += more;
		any = any || more;
		if (count + BODY_PAGES > PAGES) {
			unmap(recycler, pages, count);
			count = 0;
		}
	}
	if (count)
		unmap(recycler, pages, count);
	return any;
}

static void take_given_back(struct recycler *recycler)
{
	struct body **link = &recycler->body;

	while (*link)
		link = &(*link)->next;
	*link = atomic_exchange(&recycler->given_back, NULL);
}

static void *run(void *context)
{
	struct recycler *recycler = context;

	for (;;) {
		take_given_back(recycler);
		if (backlog(recycler) < HURRY / 2)
			set_priority(recycler, false);
		if (!recycler->body)
			l4_semaphore_down(recycler->work, L4_IPC_NEVER);
		else if (!step_all(recycler))
			l4_ipc_sleep(l4_timeout(L4_IPC_TIMEOUT_0, l4_timeout_from_us(PAUSE_US)));
	}
	return NULL;
}

int recycle_start(uint64_t cores)
{
	for (unsigned core = 0; core < CORES; core++) {
		struct recycler *recycler = &recyclers[core];
		pthread_t thread;

		if (!(cores >> core & 1))
			continue;
		recycler->core = core;
		recycler->work = slot_new();
		if (l4_error(l4_factory_create(l4re_env()->factory, L4_PROTO_SEMAPHORE,
		                               recycler->work)))
			return -ENOMEM;
		int error = pthread_create(&thread, NULL, run, recycler);
		if (error)
			return -error;
		recycler->thread = pthread_l4_cap(thread);
		recycler->hurries = true;
		set_priority(recycler, false);
	}
	return 0;
}
