#include "cores.h"

#include <test.h>

static const unsigned numbers[] = {2, 4, 9};

static unsigned take(struct cores *cores)
{
	unsigned core = 12345;

	CHECK_EQ(cores_take(cores, &core), 0);
	return core;
}

TEST(each_client_gets_a_core_of_its_own)
{
	struct cores cores;

	cores_init(&cores, CORES_REFUSE, numbers, 3);
	CHECK_EQ(take(&cores), 9);
	CHECK_EQ(take(&cores), 4);
	CHECK_EQ(take(&cores), 2);
	cores_deinit(&cores);
}

TEST(refuse_refuses_until_one_leaves)
{
	struct cores cores;
	unsigned core = 12345;

	cores_init(&cores, CORES_REFUSE, numbers, 2);
	take(&cores);
	take(&cores);
	CHECK_EQ(cores_take(&cores, &core), CORES_REFUSED);
	CHECK_EQ(core, 12345);
	cores_put(&cores, 2);
	CHECK_EQ(take(&cores), 2);
	CHECK_EQ(cores_take(&cores, &core), CORES_REFUSED);
	cores_deinit(&cores);
}

TEST(share_goes_where_the_fewest_are)
{
	struct cores cores;

	cores_init(&cores, CORES_SHARE, numbers, 3);
	for (int i = 0; i < 6; i++)
		take(&cores);
	cores_put(&cores, 4);
	CHECK_EQ(take(&cores), 4);
	cores_put(&cores, 2);
	cores_put(&cores, 2);
	CHECK_EQ(take(&cores), 2);
	CHECK_EQ(take(&cores), 2);
	CHECK_EQ(take(&cores), 9);
	cores_deinit(&cores);
}

TEST(what_was_not_taken_is_not_given_back)
{
	struct cores cores;
	unsigned core;

	cores_init(&cores, CORES_REFUSE, numbers, 1);
	cores_put(&cores, 2); /* nobody is there */
	cores_put(&cores, 7); /* no core of ours */
	CHECK_EQ(take(&cores), 2);
	CHECK_EQ(cores_take(&cores, &core), CORES_REFUSED);
	cores_deinit(&cores);
}

static void *come_and_go(void *data)
{
	struct cores *cores = data;

	for (int i = 0; i < 2000; i++) {
		unsigned core;

		if (!cores_take(cores, &core))
			cores_put(cores, core);
	}
	return NULL;
}

TEST(threads_leave_all_cores_free)
{
	struct cores cores;
	pthread_t threads[4];

	cores_init(&cores, CORES_REFUSE, numbers, 3);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, come_and_go, &cores), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(cores.clients[i], 0);
	cores_deinit(&cores);
}
