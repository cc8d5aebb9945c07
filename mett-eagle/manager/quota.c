#include "quota.h"

enum { SECOND_NS = 1000000000 };

uint64_t quota_limit(const struct quota *quota, enum quota_kind kind)
{
	return atomic_load_explicit(&quota->limit[kind], memory_order_relaxed);
}

void quota_set(struct quota *quota, const struct mett_quota *limits)
{
	quota->limit[QUOTA_ACTIONS] = limits->actions;
	quota->limit[QUOTA_CODE] = limits->code;
	quota->limit[QUOTA_MEMORY] = limits->memory;
	quota->limit[QUOTA_PARKED] = limits->parked;
	quota->limit[QUOTA_CONCURRENT] = limits->concurrent;
	quota->limit[QUOTA_RATE] = limits->rate;
}

static void tell(const _Atomic uint64_t *words, struct mett_quota *ret)
{
	*ret = (struct mett_quota){
		.actions = words[QUOTA_ACTIONS],
		.code = words[QUOTA_CODE],
		.memory = words[QUOTA_MEMORY],
		.parked = words[QUOTA_PARKED],
		.concurrent = words[QUOTA_CONCURRENT],
		.rate = words[QUOTA_RATE],
	};
}

void quota_limits(const struct quota *quota, struct mett_quota *ret)
{
	tell(quota->limit, ret);
}

void quota_used(const struct quota *quota, struct mett_quota *ret, uint64_t now_ns)
{
	uint64_t rate = quota_limit(quota, QUOTA_RATE), ahead;

	tell(quota->used, ret);
	ahead = ret->rate > now_ns ? ret->rate - now_ns : 0;
	ret->rate = rate ? (uint64_t)((double)ahead * (double)rate / SECOND_NS + 0.5) : 0;
}

bool quota_has(const struct quota *quota, enum quota_kind kind)
{
	uint64_t limit = quota_limit(quota, kind);

	return !limit || atomic_load_explicit(&quota->used[kind], memory_order_relaxed) < limit;
}

bool quota_take(struct quota *quota, enum quota_kind kind, uint64_t amount)
{
	uint64_t limit = quota_limit(quota, kind);
	uint64_t used = atomic_load_explicit(&quota->used[kind], memory_order_relaxed);

	do
		if (limit && (amount > limit || used > limit - amount))
			return false;
	while (!atomic_compare_exchange_weak_explicit(&quota->used[kind], &used, used + amount,
	                                              memory_order_relaxed, memory_order_relaxed));
	return true;
}

void quota_add(struct quota *quota, enum quota_kind kind, uint64_t amount)
{
	atomic_fetch_add_explicit(&quota->used[kind], amount, memory_order_relaxed);
}

void quota_give(struct quota *quota, enum quota_kind kind, uint64_t amount)
{
	atomic_fetch_sub_explicit(&quota->used[kind], amount, memory_order_relaxed);
}

/* Each costs its share of a second; what is owed may not become more than a second. */
bool quota_pace(struct quota *quota, uint64_t now_ns)
{
	uint64_t rate = quota_limit(quota, QUOTA_RATE);
	uint64_t due = quota->used[QUOTA_RATE], next;

	if (!rate)
		return true;
	if (rate > SECOND_NS)
		rate = SECOND_NS;
	do {
		next = (due > now_ns ? due : now_ns) + SECOND_NS / rate;
		if (next - now_ns > SECOND_NS)
			return false;
	} while (!atomic_compare_exchange_weak(&quota->used[QUOTA_RATE], &due, next));
	return true;
}

bool quota_watches_calls(const struct quota *quota)
{
	return quota_limit(quota, QUOTA_CONCURRENT) || quota_limit(quota, QUOTA_RATE) ||
	       quota_limit(quota, QUOTA_MEMORY);
}
