/*
 * Seats: what one worker after the other is given by their zygote. One that the server has sent
 * something to is given up, and its number is another's.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUNDS = 120,
	AT_ONCE = 8,
	LARGE = 100000, /* goes by the gate, so that the seat is given up */
};

static char argument[LARGE];

/* The call's number, and then blanks, which make a line of its log as long. */
static size_t write_argument(unsigned number)
{
	memset(argument, ' ', sizeof(argument));
	argument[sprintf(argument, "%06u", number)] = ' ';
	return number % 3 ? 16 : LARGE;
}

/* It says what it was told, to both streams; of a long log there is only the end. */
static void check_log(const struct mett_result *result, unsigned number, size_t size)
{
	char begin[16];

	if (result->error.reason)
		test_fail(__FILE__, __LINE__, "call %u: %s", number, result->error.message);
	CHECK_STR(result->answer, "1");
	if (size == LARGE) {
		CHECK_EQ(result->log_size, METT_LOG_TAIL_MAX);
		return;
	}
	CHECK_EQ(result->log_size, 2 * (strlen("err: ") + size + 1));
	snprintf(begin, sizeof(begin), "err: %06u", number);
	CHECK(strstr(result->log, begin));
	begin[0] = 'o', begin[1] = 'u', begin[2] = 't';
	CHECK(strstr(result->log, begin));
}

static void begin_call(struct mett_client *client, unsigned number)
{
	struct mett_error error;
	size_t size = write_argument(number);

	if (mett_action_submit(client, "log", argument, size, NULL, number, &error))
		test_fail(__FILE__, __LINE__, "call %u: %s", number, error.message);
}

/* With what the zygote was given for who sat there before nobody would hear of it. */
TEST_TIMEOUT(each_call_has_its_own_whoever_sat_there, 300)
{
	struct server server;
	struct mett_client *client = begin(&server, "");
	unsigned number = 0;

	deploy(client, "log", NULL);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct mett_result result;
		uint64_t token;

		for (unsigned i = 0; i < AT_ONCE; i++)
			begin_call(client, number++);
		while (mett_client_in_flight(client)) {
			CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
			check_log(&result, (unsigned)token, token % 3 ? 16 : LARGE);
			mett_result_deinit(&result);
		}
		size_t size = write_argument(++number);
		mett_action_invoke(client, "log", argument, size, NULL, &result);
		check_log(&result, number, size);
		mett_result_deinit(&result);
	}
	end(&server, client);
}
