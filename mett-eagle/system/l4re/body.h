#pragma once

/*
 * What a worker's process keeps from one life to the next: a task, the memory for its
 * data and stack, and the factory that all kernel memory of the process comes from.
 * The rest, thread, region map and factories, is new in each life.
 */
#include "image.h"

/* Where a process finds things of ours; its rings and windows lie as memory_place() says. */
#define BODY_STACK_TOP 0x80000000ul
#define BODY_UTCBS     0xb3000000ul
#define BODY_BEGIN     0xb3001000ul /* where its thread begins */
#define BODY_REST      0xb3001040ul /* and where it sleeps, when it is to do nothing any more */

/* Capabilities that the server has for it. Those of one life lie together, to be deleted at once.
 */
enum body_cap {
	BODY_TASK,
	BODY_PURSE,
	BODY_LIFE = 16,
	BODY_THREAD = BODY_LIFE,
	BODY_MAP,
	BODY_MEMORY,
	BODY_FACTORY,
	BODY_PROOF,
	BODY_LEFT = 128, /* what the process had, when it is taken from it */
	BODY_CAPS = 256,
};

enum { BODY_RANGES = SEGMENTS_MAX + 7, BODY_PAGES = 3, BODY_WARM = 1024 };

/*
 * All places where something is mapped in a process that did nothing extraordinary. Those
 * of the program's segments come first. Which of their pages are used is seen in the first lives:
 * later only these are mapped ahead.
 */
struct layout {
	size_t size;           /* of data and stack */
	_Atomic unsigned seen; /* lives */
	_Atomic uint64_t
		warm[BODY_WARM / 64]; /* pages of all segments, as they lie in the ranges */
	unsigned segments;
	unsigned count;
	struct range {
		l4_addr_t begin, end;
	} range[BODY_RANGES];
};

enum body_stage { BODY_SPENT, BODY_STOPPED, BODY_BARE, BODY_PROVEN, BODY_ENDED };

struct stock;

struct body {
	int number;
	sys_cap place; /* entry of its memory */
	unsigned char *memory;
	struct layout *layout;
	struct stock *stock;
	unsigned core;
	enum body_stage stage;
	unsigned rounds;
	struct body *next;
};

/** body_layout() - of all processes of a program */
void body_layout(const struct image *image, struct layout *ret);

/** body_new() - without anything mapped in it; keeps @layout; 0 or -ENOMEM */
int body_new(struct layout *layout, struct body **ret);

/** body_free() - with the process that it may be; waits for a grace period */
void body_free(struct body *body);

/** body_end() - body_free() when all of body_pages_all() is unmapped */
void body_end(struct body *body);

/** body_cap() - one of its capabilities */
l4_cap_idx_t body_cap(const struct body *body, enum body_cap cap);

/**
 * body_pages() - what the server has of it, to be unmapped and deleted
 *
 * body_pages_thread(): its thread; body_pages_life(): all of one life;
 * body_pages_proof(): what body_prove() made; body_pages_all(): everything.
 *
 * Return: number of flexible pages, up to BODY_PAGES.
 */
unsigned body_pages_thread(const struct body *body, l4_fpage_t *ret);
unsigned body_pages_life(const struct body *body, l4_fpage_t *ret);
unsigned body_pages_proof(const struct body *body, l4_fpage_t *ret);
unsigned body_pages_all(const struct body *body, l4_fpage_t *ret);

/**
 * body_strip() - take all it has from a process that does not run any more
 *
 * Its capabilities are then in BODY_LEFT, to be dropped after its region map.
 */
void body_strip(const struct body *body);

/** body_prove() - is all kernel memory of it free again, but for @rest? Makes BODY_PROOF. */
bool body_prove(const struct body *body, size_t rest);

/** body_rest() - of one that is new: the most that body_prove() holds for; waits long */
size_t body_rest(const struct body *body);

/** layout_warm() - is this page of the segments to be mapped ahead? */
bool layout_warm(const struct layout *layout, size_t page);

/** bodies_used() - number of those that there are */
size_t bodies_used(void);
