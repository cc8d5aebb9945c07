/* A server that lies: nothing it sends may harm the client; it counts as gone. */
#include "test-server.h"

#include <test.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test_server server;
static void (*lie)(struct test_server *server, struct message_done *done, sys_cap large);

/* Takes one invocation and hands the lawful answer to it to `lie`. */
static void serve_lie(struct test_server *its)
{
	const struct message_invoke *invoke = (const void *)its->message;
	sys_cap large;

	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	struct message_done done = {
		.header = {MESSAGE_DONE, invoke->header.tag}, .slot = invoke->slot, .size = 1};
	CHECK_EQ(mett_dataspace_fill("large", its->window, 100000, &large), 0);
	lie(its, &done, large);
	sys_cap_close(large);
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

static void check_lie(void (*a_lie)(struct test_server *server, struct message_done *done,
                                    sys_cap large))
{
	struct mett_client *client = NULL;
	struct mett_result result;
	uint64_t token;

	lie = a_lie;
	test_server_init(&server, serve_lie);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, NULL), 0);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, &result), -EPIPE);
	CHECK_EQ(result.error.reason, METT_GONE);
	CHECK(strstr(result.error.message, "protocol") || strstr(result.error.message, "too long"));
	mett_result_deinit(&result);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), -EPIPE);
	mett_client_free(client);
	test_server_stop(&server);
}

static void send_done(struct test_server *its, const struct message_done *done, size_t size,
                      sys_cap cap)
{
	test_server_send(its, done, size, cap);
}

static void rubbish(struct test_server *its, struct message_done *done, sys_cap large)
{
	memset(done, 0xa5, sizeof(*done));
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void one_byte(struct test_server *its, struct message_done *done, sys_cap large)
{
	send_done(its, done, 1, SYS_NO_CAP);
}

static void cut_short(struct test_server *its, struct message_done *done, sys_cap large)
{
	send_done(its, done, sizeof(*done) - 8, SYS_NO_CAP);
}

static void too_long(struct test_server *its, struct message_done *done, sys_cap large)
{
	static unsigned char bytes[MESSAGE_MAX + 8];

	memcpy(bytes, done, sizeof(*done));
	send_done(its, (void *)bytes, sizeof(bytes), SYS_NO_CAP);
}

static void wrong_tag(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->header.tag++;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void wrong_slot(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->slot = METT_IN_FLIGHT_MAX;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void free_slot(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->slot = 1;
	done->header.tag = 0;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void text_that_is_not_there(struct test_server *its, struct message_done *done,
                                   sys_cap large)
{
	done->text_size = UINT16_MAX;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void log_that_is_not_there(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->log_size = 1;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void unknown_reason(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->reason = METT_REASON_COUNT;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void large_without_dataspace(struct test_server *its, struct message_done *done,
                                    sys_cap large)
{
	done->size = METT_INLINE_MAX + 1;
	send_done(its, done, sizeof(*done), SYS_NO_CAP);
}

static void small_with_dataspace(struct test_server *its, struct message_done *done, sys_cap large)
{
	send_done(its, done, sizeof(*done), large);
}

static void larger_than_its_dataspace(struct test_server *its, struct message_done *done,
                                      sys_cap large)
{
	done->size = 100001;
	send_done(its, done, sizeof(*done), large);
}

static void larger_than_allowed(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->size = UINT64_MAX;
	send_done(its, done, sizeof(*done), large);
}

static void no_dataspace_at_all(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->size = 100000;
	send_done(its, done, sizeof(*done), its->gate);
}

static void not_sealed(struct test_server *its, struct message_done *done, sys_cap large)
{
	sys_cap open;

	CHECK_EQ(sys_dataspace_new("open", 100000, 0, &open), 0);
	done->size = 100000;
	send_done(its, done, sizeof(*done), open);
	sys_cap_close(open);
}

static void status_nobody_asked_for(struct test_server *its, struct message_done *done,
                                    sys_cap large)
{
	test_server_status(its, METT_OK, "");
}

static void registered_again(struct test_server *its, struct message_done *done, sys_cap large)
{
	test_server_send(its, &its->registered, sizeof(its->registered), SYS_NO_CAP);
}

static void twice(struct test_server *its, struct message_done *done, sys_cap large)
{
	done->size = METT_PAYLOAD_MAX;
	send_done(its, done, sizeof(*done), large);
	send_done(its, done, sizeof(*done), large);
}

TEST(lies_about_an_invocation)
{
	check_lie(rubbish);
	check_lie(one_byte);
	check_lie(cut_short);
	check_lie(too_long);
	check_lie(wrong_tag);
	check_lie(wrong_slot);
	check_lie(free_slot);
	check_lie(text_that_is_not_there);
	check_lie(log_that_is_not_there);
	check_lie(unknown_reason);
	check_lie(status_nobody_asked_for);
	check_lie(registered_again);
}

TEST(lies_about_an_answer)
{
	check_lie(large_without_dataspace);
	check_lie(small_with_dataspace);
	check_lie(larger_than_its_dataspace);
	check_lie(larger_than_allowed);
	check_lie(no_dataspace_at_all);
	check_lie(not_sealed);
	check_lie(twice);
}

static void serve_twice(struct test_server *its)
{
	struct message_invoke invoke;

	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	invoke = *(struct message_invoke *)its->message;
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	test_server_done(its, &invoke, METT_OK, "", 0, "", "1");
	test_server_done(its, &invoke, METT_OK, "", 0, "", "2");
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

TEST(an_outcome_comes_once)
{
	struct mett_client *client = NULL;
	struct mett_result result;
	uint64_t token;

	test_server_init(&server, serve_twice);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, NULL), 0);
	CHECK_EQ(mett_action_submit(client, "f", "", 0, NULL, 1, NULL), 0);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, NULL), -EPIPE);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
	CHECK_STR(result.log, "1");
	mett_result_deinit(&result);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), -EPIPE);
	mett_client_free(client);
	test_server_stop(&server);
}

/* A dataspace may hold more than the answer: what a worker wrote behind it. */
static void serve_more_than_the_answer(struct test_server *its)
{
	const struct message_invoke *invoke = (const void *)its->message;
	static char bytes[200000];
	sys_cap large;

	memset(bytes, 'x', sizeof(bytes));
	CHECK_EQ(mett_dataspace_fill("large", bytes, sizeof(bytes), &large), 0);
	while (test_server_take(its) == MESSAGE_INVOKE) {
		struct {
			struct message_done fixed;
			char log[8];
		} done = {{.header = {MESSAGE_DONE, invoke->header.tag},
		           .slot = invoke->slot,
		           .size = strtoull(invoke->name.text, NULL, 10),
		           .log_size = 3},
		          "log"};

		send_done(its, &done.fixed, sizeof(done.fixed) + 3, large);
	}
	sys_cap_close(large);
}

TEST(a_zero_stands_behind_each_answer)
{
	const char *sizes[] = {"65537", "69632", "70000", "131072", "200000"};
	struct mett_client *client = NULL;

	test_server_init(&server, serve_more_than_the_answer);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, NULL), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct mett_result result;

		CHECK_EQ(mett_action_invoke(client, sizes[i], "", 0, NULL, &result), 0);
		CHECK_EQ(strlen(result.answer), strtoull(sizes[i], NULL, 10));
		CHECK_EQ(result.answer_size, strlen(result.answer));
		CHECK_STR(result.log, "log");
		mett_result_deinit(&result);
	}
	mett_client_free(client);
	test_server_stop(&server);
}

/* The same for a request: what is sent instead of its status. */
static void (*misreply)(struct test_server *server, struct message_header *header);

static void serve_misreply(struct test_server *its)
{
	while (test_server_take(its) != MESSAGE_NONE)
		misreply(its, (struct message_header *)its->message);
}

static void check_misreply(void (*a_misreply)(struct test_server *server,
                                              struct message_header *header),
                           bool of_list)
{
	struct mett_client *client = NULL;
	struct mett_action_info *rows;
	struct mett_error error;
	size_t count;

	misreply = a_misreply;
	test_server_init(&server, serve_misreply);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, NULL), 0);
	if (of_list)
		CHECK_EQ(mett_action_list(client, &rows, &count, &error), -EPIPE);
	else
		CHECK_EQ(mett_action_delete(client, "f", &error), -EPIPE);
	CHECK_EQ(error.reason, METT_GONE);
	CHECK(strstr(error.message, "protocol"));
	CHECK_EQ(mett_action_delete(client, "f", &error), -EPIPE);
	mett_client_free(client);
	test_server_stop(&server);
}

static void other_tag(struct test_server *its, struct message_header *header)
{
	header->tag += 5;
	test_server_status(its, METT_OK, "");
}

static void status_of_no_reason(struct test_server *its, struct message_header *header)
{
	test_server_status(its, METT_REASON_COUNT + 5, "");
}

static void good_status(struct test_server *its, struct message_header *header)
{
	test_server_status(its, METT_OK, "");
}

static void empty_page(struct test_server *its, struct message_header *header)
{
	struct message_rows page = {.header = {MESSAGE_ROWS, header->tag}, .more = 0};

	test_server_send(its, &page, sizeof(page), SYS_NO_CAP);
}

static void empty_page_and_more(struct test_server *its, struct message_header *header)
{
	struct message_rows page = {.header = {MESSAGE_ROWS, header->tag}, .more = 1};

	test_server_send(its, &page, sizeof(page), SYS_NO_CAP);
}

static void many_rows_in_no_page(struct test_server *its, struct message_header *header)
{
	struct message_rows page = {.header = {MESSAGE_ROWS, header->tag}, .count = UINT32_MAX};

	test_server_send(its, &page, sizeof(page), SYS_NO_CAP);
}

static void send_row(struct test_server *its, uint32_t tag, const char *name, char behind)
{
	struct {
		struct message_rows fixed;
		struct message_action row;
	} page = {.fixed = {.header = {MESSAGE_ROWS, tag}, .count = 1, .more = 1}};

	message_name_set(&page.row.name, name);
	page.row.name.text[sizeof(page.row.name.text) - 1] = behind;
	test_server_send(its, &page, sizeof(page), SYS_NO_CAP);
}

static void same_row_for_ever(struct test_server *its, struct message_header *header)
{
	send_row(its, header->tag, "same", 0);
}

static void bad_name(struct test_server *its, struct message_header *header)
{
	send_row(its, header->tag, "a b", 0);
}

static void name_without_end(struct test_server *its, struct message_header *header)
{
	send_row(its, header->tag, "name", 'x');
}

static void out_of_order(struct test_server *its, struct message_header *header)
{
	struct {
		struct message_rows fixed;
		struct message_action row[2];
	} page = {.fixed = {.header = {MESSAGE_ROWS, header->tag}, .count = 2}};

	message_name_set(&page.row[0].name, "b");
	message_name_set(&page.row[1].name, "a");
	test_server_send(its, &page, sizeof(page), SYS_NO_CAP);
}

TEST(lies_in_reply_to_a_request)
{
	check_misreply(other_tag, false);
	check_misreply(status_of_no_reason, false);
	check_misreply(status_of_no_reason, true);
	check_misreply(good_status, true);
	check_misreply(empty_page, false);
	check_misreply(empty_page_and_more, true);
	check_misreply(many_rows_in_no_page, true);
	check_misreply(same_row_for_ever, true);
	check_misreply(out_of_order, true);
	check_misreply(bad_name, true);
	check_misreply(name_without_end, true);
}

static void serve_endless_reaped(struct test_server *its)
{
	its->window->reaped_count = UINT64_MAX;
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	test_server_done(its, (struct message_invoke *)its->message, METT_OK, "", 0, "", "");
	CHECK_EQ(test_server_take(its), MESSAGE_INVOKE);
	its->window->reaped_count = 3;
	test_server_done(its, (struct message_invoke *)its->message, METT_OK, "", 0, "", "");
	CHECK_EQ(test_server_take(its), MESSAGE_NONE);
}

TEST(lies_about_reaped_workers)
{
	struct mett_client *client = NULL;
	struct mett_reaped rows[10];

	test_server_init(&server, serve_endless_reaped);
	test_server_start(&server);
	CHECK_EQ(mett_register_client(server.path, &client, NULL), 0);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, NULL), 0);
	CHECK_EQ(mett_client_reaped(client, rows, 10), 10);
	CHECK_EQ(mett_action_invoke(client, "f", "", 0, NULL, NULL), 0);
	CHECK(mett_client_reaped(client, rows, 10) <= 10);
	mett_client_free(client);
	test_server_stop(&server);
}
