#pragma once

/*
 * Quota: what a namespace may use, and what it does. Words that any session's thread
 * changes without a lock.
 */
#include <mett-eagle/client.h>

#include <stdatomic.h>
#include <stdbool.h>

enum quota_kind {
	QUOTA_ACTIONS,
	QUOTA_CODE,
	QUOTA_MEMORY,
	QUOTA_PARKED,
	QUOTA_CONCURRENT,
	QUOTA_RATE,
	QUOTA_COUNT
};

/**
 * struct quota - zeroed, all is free and unlimited
 * @limit: 0: none
 * @used:  of the rate: when, on sys_clock_ns(), all that has begun is paid for
 */
struct quota {
	_Atomic uint64_t limit[QUOTA_COUNT];
	_Atomic uint64_t used[QUOTA_COUNT];
};

/** quota_set() - other limits; what is over them stays */
void quota_set(struct quota *quota, const struct mett_quota *limits);

/** quota_limits() - as people know them */
void quota_limits(const struct quota *quota, struct mett_quota *ret);

/** quota_used() - the same of what is used; of the rate, how much of a second's worth */
void quota_used(const struct quota *quota, struct mett_quota *ret, uint64_t now_ns);

/** quota_limit() - 0: none */
uint64_t quota_limit(const struct quota *quota, enum quota_kind kind);

/** quota_has() - could one more be taken? */
bool quota_has(const struct quota *quota, enum quota_kind kind);

/** quota_take() - take so much if it is to be had; else nothing */
bool quota_take(struct quota *quota, enum quota_kind kind, uint64_t amount);

/** quota_add() - take it in any case */
void quota_add(struct quota *quota, enum quota_kind kind, uint64_t amount);

/** quota_give() - give back what was taken */
void quota_give(struct quota *quota, enum quota_kind kind, uint64_t amount);

/** quota_pace() - may one more begin now? */
bool quota_pace(struct quota *quota, uint64_t now_ns);

/** quota_watches_calls() - is there a limit that each call must be held against? */
bool quota_watches_calls(const struct quota *quota);
