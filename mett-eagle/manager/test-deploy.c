#include "test-deploy.h"

#include <string.h>

#include "archivist.h"

struct sys_store *store(void)
{
	struct sys_store *store;
	char why[METT_MESSAGE_MAX];

	CHECK_EQ(sys_store_open("store", &store, why, sizeof(why)), 0);
	return store;
}

void order(struct stage *stage, const char *name)
{
	stage_order(stage, MESSAGE_DEPLOY, name, &(struct mett_action_options){0}, stage_program());
}

sys_cap other_program(unsigned char which)
{
	struct {
		struct stage_program program;
		unsigned char tail[8];
	} longer = {.tail = {which}};

	stage_program_init(&longer.program);
	return fake_dataspace(&longer, sizeof(longer));
}

void expect_deployed(struct stage *stage, int32_t version)
{
	int32_t detail = 0;

	CHECK_EQ(stage_status(stage, &detail, NULL), METT_OK);
	CHECK_EQ(detail, version);
}

void expect_refused(struct stage *stage, enum mett_reason reason, const char *part)
{
	char text[METT_MESSAGE_MAX];

	CHECK_STR(mett_reason_name(stage_status(stage, NULL, text)), mett_reason_name(reason));
	if (!strstr(text, part))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", text, part);
}

void deploy(struct stage *stage, const char *name, int32_t version)
{
	order(stage, name);
	expect_deployed(stage, version);
}

void roll_back(struct stage *stage, const char *name, uint32_t version)
{
	struct message_version_of message = {.header = {MESSAGE_ROLLBACK, 77}, .version = version};

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), SYS_NO_CAP);
}

struct mett_quota used(struct stage *stage)
{
	struct mett_quota ret;

	quota_used(&stage->session->space->quota, &ret, sys_clock_ns());
	return ret;
}

void serve(struct stage *stage, const char *name)
{
	unsigned sandbox = fake_sandboxes(), worker = fake_workers();

	stage_invoke(stage, 0, name, "");
	stage_zygote(stage, sandbox);
	for (unsigned i = worker; i < fake_workers(); i++)
		stage_parks(stage, i);
	stage_exit(stage, worker, "");
	stage_expect(stage, 0, METT_OK);
}

void do_all(struct stage *host, struct stage *guest)
{
	while (archivist_step(host->session->server))
		CHECK_EQ(session_turn(guest->session), 0);
	host->archivist_rests = guest->archivist_rests = false;
	CHECK_EQ(session_turn(host->session), 0);
}
