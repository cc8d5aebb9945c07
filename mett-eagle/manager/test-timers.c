#include "timers.h"

#include <errno.h>
#include <stdlib.h>

#include <system/fake/fake.h>

#include <test.h>

struct alarm {
	struct timer timer;
	struct timers *timers;
	unsigned rung;
	struct alarm *stops; /* that one, when it rings */
	uint64_t again_ns;   /* arms itself for then */
};

static uint64_t last_due;

static void rings(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;

	CHECK_EQ(timer->due_ns, 0);
	alarm->rung++;
	if (alarm->stops)
		timers_disarm(alarm->timers, &alarm->stops->timer);
	if (alarm->again_ns)
		CHECK_EQ(timers_arm(alarm->timers, timer, alarm->again_ns), 0);
	alarm->again_ns = 0;
}

static void rings_in_order(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;

	CHECK(last_due <= alarm->again_ns);
	last_due = alarm->again_ns;
	alarm->rung++;
}

TEST(nothing_is_due_without_timers)
{
	struct timers timers = {0};

	CHECK_EQ(timers_next(&timers), 0);
	timers_expire(&timers, UINT64_MAX);
	timers_deinit(&timers);
}

TEST(expire_in_order_and_not_early)
{
	enum { COUNT = 300 };
	static struct alarm alarms[COUNT];
	struct timers timers = {0};

	srand(1);
	for (int i = 0; i < COUNT; i++) {
		alarms[i].timer.expired = rings_in_order;
		alarms[i].again_ns = 1 + (uint64_t)rand() % 1000;
		CHECK_EQ(timers_arm(&timers, &alarms[i].timer, alarms[i].again_ns), 0);
	}
	/* Some change their minds, some leave. */
	for (int i = 0; i < COUNT; i += 3) {
		alarms[i].again_ns = 1 + (uint64_t)rand() % 1000;
		CHECK_EQ(timers_arm(&timers, &alarms[i].timer, alarms[i].again_ns), 0);
	}
	for (int i = 0; i < COUNT; i += 7)
		timers_disarm(&timers, &alarms[i].timer);
	for (uint64_t now = 0; now <= 1000; now++) {
		timers_expire(&timers, now);
		CHECK(!timers_next(&timers) || timers_next(&timers) > now);
		for (int i = 0; i < COUNT; i++)
			CHECK_EQ(alarms[i].rung, i % 7 && alarms[i].again_ns <= now);
	}
	CHECK_EQ(timers_next(&timers), 0);
	timers_deinit(&timers);
}

TEST(a_handler_disarms_another_and_arms_itself)
{
	struct timers timers = {0};
	struct alarm first = {{rings}, &timers}, second = {{rings}, &timers};

	first.stops = &second;
	first.again_ns = 50;
	CHECK_EQ(timers_arm(&timers, &first.timer, 10), 0);
	CHECK_EQ(timers_arm(&timers, &second.timer, 11), 0);
	timers_expire(&timers, 20);
	CHECK_EQ(first.rung, 1);
	CHECK_EQ(second.rung, 0);
	CHECK_EQ(timers_next(&timers), 50);
	timers_expire(&timers, 50);
	CHECK_EQ(first.rung, 2);
	timers_disarm(&timers, &first.timer);
	timers_deinit(&timers);
}

TEST(the_beginning_of_time_is_armed_too)
{
	struct timers timers = {0};
	struct alarm alarm = {{rings}, &timers};

	CHECK_EQ(timers_arm(&timers, &alarm.timer, 0), 0);
	CHECK_EQ(timers_next(&timers), 1);
	timers_expire(&timers, 1);
	CHECK_EQ(alarm.rung, 1);
	timers_deinit(&timers);
}

TEST(no_memory_leaves_it_unarmed)
{
	struct timers timers = {0};
	struct alarm alarms[17] = {0};

	for (int i = 0; i < 16; i++) {
		alarms[i].timer.expired = rings;
		CHECK_EQ(timers_arm(&timers, &alarms[i].timer, 5), 0);
	}
	fake_fail(0);
	CHECK_EQ(timers_arm(&timers, &alarms[16].timer, 4), -ENOMEM);
	CHECK(fake_failed());
	CHECK_EQ(alarms[16].timer.due_ns, 0);
	CHECK_EQ(timers_next(&timers), 5);
	timers_disarm(&timers, &alarms[16].timer);
	timers_expire(&timers, 5);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(alarms[i].rung, 1);
	timers_deinit(&timers);
}
