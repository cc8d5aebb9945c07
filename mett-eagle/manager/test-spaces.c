/* Spaces: how they come and go, and whose they are. */
#include "spaces.h"

#include <stdio.h>
#include <string.h>

#include "test-deploy.h"

static void alter(struct stage *stage, enum message_type type, const char *name, uint32_t user)
{
	struct message_space message = {.header = {type, 77}, .uid = user};

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), SYS_NO_CAP);
}

TEST(namespaces_come_and_go)
{
	struct stage stage;
	char name[32];

	stage_open_space(&stage, NULL, store());
	alter(&stage, MESSAGE_SPACE_CREATE, "team", 0);
	expect_deployed(&stage, 0);
	alter(&stage, MESSAGE_SPACE_CREATE, "team", 0);
	expect_refused(&stage, METT_EXISTS, "namespace 'team' exists");
	alter(&stage, MESSAGE_SPACE_CREATE, "u7", 0);
	expect_refused(&stage, METT_DENIED, "home of user 7");
	alter(&stage, MESSAGE_SPACE_CREATE, "u01000", 0);
	expect_refused(&stage, METT_DENIED, "look like a user's home");
	alter(&stage, MESSAGE_SPACE_CREATE, "u4294967295", 0);
	expect_refused(&stage, METT_DENIED, "look like a user's home");
	alter(&stage, MESSAGE_SPACE_CREATE, "u", 0);
	expect_deployed(&stage, 0);
	alter(&stage, MESSAGE_SPACE_DELETE, "u", 0);
	expect_deployed(&stage, 0);
	alter(&stage, MESSAGE_SPACE_ALLOW, "team", 7);
	expect_deployed(&stage, 0);
	alter(&stage, MESSAGE_SPACE_ALLOW, "none", 7);
	expect_refused(&stage, METT_NO_NAMESPACE, "'none'");
	stage_close(&stage);
	stage_open_space(&stage, "team", store());
	CHECK_EQ(stage.session->space->member_count, 1);
	CHECK_EQ(stage.session->space->members[0], 7);
	CHECK_EQ(stage.session->space->owner, FAKE_USER);
	for (unsigned i = 1; i < METT_SPACES_OWNED_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		alter(&stage, MESSAGE_SPACE_CREATE, name, 0);
		expect_deployed(&stage, 0);
	}
	alter(&stage, MESSAGE_SPACE_CREATE, "more", 0);
	expect_refused(&stage, METT_QUOTA, "as many as one may have");
	alter(&stage, MESSAGE_SPACE_DELETE, "team", 0);
	expect_deployed(&stage, 0);
	order(&stage, "f");
	expect_refused(&stage, METT_NO_NAMESPACE, "was deleted");
	stage_close(&stage);
	fake_store_forget();
}

TEST(homes_and_others_do_not_crowd_each_other_out)
{
	static struct space *homes[METT_SPACES_MAX + 1];
	struct stage stage;
	char name[16], why[METT_MESSAGE_MAX];

	stage_open_space(&stage, NULL, NULL);
	stage.session->user = 0;
	for (uint32_t i = 0; i < METT_SPACES_MAX; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		CHECK_EQ(spaces_enter(&stage.server, name, i, &homes[i], why), METT_OK);
	}
	for (unsigned i = 0; i < METT_SPACES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		alter(&stage, MESSAGE_SPACE_CREATE, name, 0);
		expect_deployed(&stage, 0);
	}
	alter(&stage, MESSAGE_SPACE_CREATE, "more", 0);
	expect_refused(&stage, METT_QUOTA, "as many as the server takes");
	CHECK_EQ(spaces_enter(&stage.server, "u77777", 77777, &homes[METT_SPACES_MAX], why),
	         METT_OK);
	for (unsigned i = 0; i <= METT_SPACES_MAX; i++)
		spaces_release(homes[i]);
	CHECK_EQ(stage.server.spaces->table.count, METT_SPACES_MAX);
	stage_close(&stage);
}

TEST(homes_are_seen_to_before_their_users_come)
{
	struct message_space limit = {
		.header = {MESSAGE_SPACE_LIMIT, 77}, .uid = 7, .quota = {.rate = 5}};
	struct stage stage;
	struct space *home;
	char why[METT_MESSAGE_MAX];

	stage_open_space(&stage, NULL, store());
	message_name_set(&limit.name, "u7");
	stage_send(&stage, &limit, sizeof(limit), SYS_NO_CAP);
	expect_deployed(&stage, 0);
	alter(&stage, MESSAGE_SPACE_ALLOW, "u9", 7);
	expect_refused(&stage, METT_DENIED, "only that user and root");
	alter(&stage, MESSAGE_SPACE_FORBID, "u8", 7);
	expect_refused(&stage, METT_NO_NAMESPACE, "'u8'");
	stage.session->user = 0;
	alter(&stage, MESSAGE_SPACE_ALLOW, "u8", 7);
	expect_deployed(&stage, 0);
	CHECK(!spaces_find(&stage.server, "u9"));
	stage_close(&stage);
	stage_open_space(&stage, NULL, store());
	CHECK_EQ(spaces_enter(&stage.server, "u7", 7, &home, why), METT_OK);
	CHECK_EQ(quota_limit(&home->quota, QUOTA_RATE), 5);
	spaces_release(home);
	CHECK_EQ(spaces_enter(&stage.server, "u8", 7, &home, why), METT_OK);
	CHECK_EQ(home->owner, 8);
	spaces_release(home);
	stage_close(&stage);
	fake_store_forget();
}

TEST(who_is_not_admitted_any_more_is_shown_out)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	stage_join(&guest, &host);
	guest.session->user = 7;
	alter(&host, MESSAGE_SPACE_FORBID, "u1000", 7);
	stage_silent(&host);
	CHECK_EQ(session_turn(guest.session), 0);
	CHECK(guest.session->closed);
	stage_turn(&host);
	expect_deployed(&host, 0);
	stage_leave(&guest);
	stage_close(&host);
}

TEST(what_waits_of_who_is_shown_out_is_not_done)
{
	struct stage host, guest;

	stage_open_space(&host, "u1000", NULL);
	deploy(&host, "g", 1);
	stage_join(&guest, &host);
	guest.session->user = 7;
	host.archivist_rests = guest.archivist_rests = true;
	alter(&host, MESSAGE_SPACE_FORBID, "u1000", 7);
	order(&guest, "f");
	order(&guest, "g");
	roll_back(&guest, "g", 1);
	do_all(&host, &guest);
	CHECK(guest.session->closed);
	expect_deployed(&host, 0);
	CHECK_EQ(used(&host).actions, 1);
	stage_leave(&guest);
	deploy(&host, "g", 2);
	stage_close(&host);
}

TEST(without_a_place_to_keep_them_there_are_none)
{
	struct server_config config = stage_config(1);
	struct space *space;
	struct server server;
	char why[METT_MESSAGE_MAX];

	strcpy(config.no_store, "the folder is locked");
	CHECK_EQ(server_init(&server, &config, NULL), 0);
	CHECK_EQ(spaces_enter(&server, "u1000", FAKE_USER, &space, why), METT_NO_STATE);
	CHECK_STR(why, "namespace 'u1000': the folder is locked");
	server_deinit(&server);
}

TEST(names_of_homes)
{
	static const char *const none[] = {"u",
	                                   "u01",
	                                   "u-1",
	                                   "u4294967295",
	                                   "u99999999999",
	                                   "v1",
	                                   "u1x",
	                                   "u10000000000000000000000000"};
	uint32_t user;

	CHECK(spaces_home("u0", &user) && user == 0);
	CHECK(spaces_home("u4294967294", &user) && user == 4294967294);
	for (unsigned i = 0; i < sizeof(none) / sizeof(*none); i++)
		CHECK(!spaces_home(none[i], &user));
}
