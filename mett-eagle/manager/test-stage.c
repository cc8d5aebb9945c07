#include "test-stage.h"

#include <string.h>

#include "archivist.h"
#include "spaces.h"

enum { TURNS_MAX = 1000 };

void stage_program_init(struct stage_program *program)
{
	*program = (struct stage_program){
		.elf =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
	                                    ELFDATA2LSB, EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_phoff = offsetof(struct stage_program, load),
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 2,
			},
		.load = {.p_type = PT_LOAD, .p_filesz = sizeof(*program)},
		.notes = {.p_type = PT_NOTE,
	                  .p_offset = offsetof(struct stage_program, note),
	                  .p_filesz = sizeof(program->note)},
		.note = {.name_size = sizeof(NOTE_NAME),
	                 .desc_size = sizeof(program->note.version),
	                 .type = NOTE_TYPE,
	                 .name = NOTE_NAME,
	                 .version = PROTOCOL_VERSION},
	};
}

sys_cap stage_program(void)
{
	struct stage_program program;

	stage_program_init(&program);
	return fake_dataspace(&program, sizeof(program));
}

struct server_config stage_config(unsigned parked)
{
	return (struct server_config){
		.core_numbers = {3, 5},
		.core_count = 2,
		.payload_max = 1 << 20,
		.parked = parked,
		.parked_max = 16,
		.clients_max = 4,
		.drain_ns = 1000 * STAGE_MS,
	};
}

static void open_session(struct stage *stage, struct server *server, struct space *space)
{
	const struct session_facts facts = {.core = 5, .user = FAKE_USER, .space = space};
	void *memory;

	CHECK_EQ(session_make(server, &facts, &stage->session, &stage->gate, &stage->window_cap),
	         0);
	CHECK_EQ(sys_map(stage->window_cap, sizeof(*stage->window), 1, &memory), 0);
	stage->window = memory;
	stage->archivist_rests = false;
}

static void open_stage(struct stage *stage, const struct server_config *config, const char *name)
{
	struct space *space = NULL;
	char why[METT_MESSAGE_MAX];

	CHECK_EQ(server_init(&stage->server, config, NULL), 0);
	if (name)
		CHECK_EQ(spaces_enter(&stage->server, name, FAKE_USER, &space, why), METT_OK);
	open_session(stage, &stage->server, space);
	if (space)
		spaces_release(space);
}

void stage_open(struct stage *stage, unsigned parked)
{
	struct server_config config = stage_config(parked);

	open_stage(stage, &config, NULL);
}

void stage_open_space(struct stage *stage, const char *space, struct sys_store *store)
{
	struct server_config config = stage_config(1);

	config.store = store;
	open_stage(stage, &config, space);
}

void stage_join(struct stage *guest, struct stage *host)
{
	open_session(guest, host->session->server, host->session->space);
}

void stage_leave(struct stage *stage)
{
	sys_cap_close(stage->gate);
	stage->gate = SYS_NO_CAP;
	stage_turn(stage);
	CHECK(stage->session->closed);
	session_free(stage->session);
	sys_cap_close(stage->window_cap);
	sys_unmap(stage->window, sizeof(*stage->window));
}

void stage_close(struct stage *stage)
{
	struct sys_store *store = stage->server.config.store;

	stage_leave(stage);
	while (archivist_step(&stage->server))
		; /* what nobody waits for any more */
	/* Programs that are nowhere else are still there. */
	if (store || !stage->server.spaces->table.count)
		CHECK_EQ(cap_used(stage->server.caps), 0);
	server_deinit(&stage->server);
	sys_store_close(store);
	CHECK_EQ(fake_left(), 0);
}

static bool archive(struct stage *stage)
{
	return !stage->archivist_rests && archivist_step(stage->session->server);
}

void stage_turn(struct stage *stage)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		CHECK_EQ(session_turn(stage->session), 0);
		if (stage->session->closed || (fake_idle(stage->session->loop) && !archive(stage) &&
		                               !stage->session->attention))
			return;
	}
	CHECK(!"the session comes to rest");
}

void stage_wait(struct stage *stage, uint64_t ms)
{
	fake_clock_advance(ms * STAGE_MS);
	stage_turn(stage);
}

void stage_send(struct stage *stage, const void *data, size_t size, sys_cap cap)
{
	CHECK_EQ(sys_gate_send(stage->gate, data, size, &cap, cap != SYS_NO_CAP), 0);
	sys_cap_close(cap);
	stage_turn(stage);
}

bool stage_hear(struct stage *stage, struct heard *ret)
{
	int result = sys_gate_recv(stage->gate, ret->room, sizeof(ret->room), &ret->got);

	if (result)
		return false;
	CHECK(message_check(ret->room, ret->got.size, ret->got.cap_count, FROM_SERVER));
	return true;
}

void stage_order(struct stage *stage, enum message_type type, const char *name,
                 const struct mett_action_options *options, sys_cap program)
{
	struct message_create message = {
		.header = {type, 77},
		.defaults = options->defaults,
		.language = options->language,
		.policy = options->policy,
		.concurrency = options->concurrency,
	};

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), program);
}

enum mett_reason stage_status(struct stage *stage, int32_t *ret_detail, char *ret_text)
{
	struct heard heard;

	if (!stage_hear(stage, &heard))
		return METT_GONE;
	CHECK_EQ(heard.header.type, MESSAGE_STATUS);
	CHECK_EQ(heard.header.tag, 77);
	if (ret_detail)
		*ret_detail = heard.status.detail;
	if (ret_text) {
		size_t size = heard.got.size - sizeof(heard.status);

		memcpy(ret_text, &heard.status + 1, size);
		ret_text[size] = 0;
	}
	return heard.status.reason;
}

enum mett_reason stage_create(struct stage *stage, enum message_type type, const char *name,
                              enum mett_policy policy)
{
	const struct mett_action_options options = {.policy = policy};

	stage_order(stage, type, name, &options, stage_program());
	return stage_status(stage, NULL, NULL);
}

enum mett_reason stage_delete(struct stage *stage, const char *name)
{
	struct message_delete message = {.header = {MESSAGE_DELETE, 78}};
	struct heard heard;

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), SYS_NO_CAP);
	CHECK(stage_hear(stage, &heard));
	CHECK_EQ(heard.header.type, MESSAGE_STATUS);
	return heard.status.reason;
}

static void invoke(struct stage *stage, uint32_t tag, const char *name, uint64_t size,
                   uint64_t timeout_ms, sys_cap cap)
{
	struct message_invoke message = {
		.header = {MESSAGE_INVOKE, tag},
		.config.timeout_us = timeout_ms * 1000,
		.size = size,
		.slot = tag,
	};

	message_name_set(&message.name, name);
	stage_send(stage, &message, sizeof(message), cap);
}

void stage_invoke(struct stage *stage, uint32_t tag, const char *name, const char *argument)
{
	size_t size = strlen(argument);

	if (tag < METT_IN_FLIGHT_MAX)
		memcpy(stage->window->slot[tag].argument, argument, size);
	invoke(stage, tag, name, size, 0, SYS_NO_CAP);
}

void stage_invoke_timed(struct stage *stage, uint32_t tag, const char *name, uint64_t timeout_ms)
{
	invoke(stage, tag, name, 0, timeout_ms, SYS_NO_CAP);
}

void stage_invoke_large(struct stage *stage, uint32_t tag, const char *name, size_t size)
{
	sys_cap cap = fake_dataspace("", 0);

	fake_dataspace_claim(cap, size);
	invoke(stage, tag, name, size, 0, cap);
}

void stage_done(struct stage *stage, uint32_t tag, enum mett_reason reason, struct heard *ret)
{
	CHECK(stage_hear(stage, ret));
	CHECK_EQ(ret->header.type, MESSAGE_DONE);
	CHECK_EQ(ret->header.tag, tag);
	CHECK_STR(mett_reason_name(ret->done.reason), mett_reason_name(reason));
	CHECK_EQ(ret->got.size, sizeof(ret->done) + ret->done.text_size + ret->done.log_size);
	CHECK_EQ(ret->done.text_size == 0, reason == METT_OK);
}

void stage_expect(struct stage *stage, uint32_t tag, enum mett_reason reason)
{
	struct heard heard;

	stage_done(stage, tag, reason, &heard);
	sys_received_close(&heard.got);
}

void stage_expect_text(struct stage *stage, uint32_t tag, enum mett_reason reason, const char *text)
{
	char copy[METT_MESSAGE_MAX] = "";
	struct heard heard;

	stage_done(stage, tag, reason, &heard);
	sys_received_close(&heard.got);
	memcpy(copy, &heard.done + 1, heard.done.text_size);
	if (!strstr(copy, text))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", copy, text);
}

void stage_silent(struct stage *stage)
{
	struct heard heard;

	CHECK(!stage_hear(stage, &heard));
}

static struct sys_worker *worker_of(unsigned number)
{
	struct sys_worker *worker = fake_worker(number);

	CHECK(worker);
	return worker;
}

void stage_zygote(struct stage *stage, unsigned number)
{
	CHECK(fake_sandbox(number));
	fake_sandbox_ready(fake_sandbox(number));
	stage_turn(stage);
}

void stage_parks(struct stage *stage, unsigned number)
{
	fake_worker_parks(worker_of(number));
	stage_turn(stage);
}

void stage_exit(struct stage *stage, unsigned number, const char *answer)
{
	struct sys_worker *worker = worker_of(number);
	struct message_exit message = {.header.type = MESSAGE_EXIT, .size = strlen(answer)};

	memcpy(sys_worker_window(worker)->serve.answer, answer, message.size);
	CHECK_EQ(fake_worker_says(worker, &message, sizeof(message), NULL, 0), 0);
	stage_turn(stage);
	if (fake_worker(number) && fake_worker_killed(worker))
		stage_ends(stage, number, SYS_SIGNAL_KILLED, 0);
}

void stage_calls(struct stage *stage, unsigned number, uint32_t tag, const char *name,
                 const char *argument)
{
	struct sys_worker *worker = worker_of(number);
	struct message_invoke message = {.header = {MESSAGE_INVOKE, tag}, .size = strlen(argument)};

	message_name_set(&message.name, name);
	memcpy(sys_worker_window(worker)->nested.argument, argument, message.size);
	CHECK_EQ(fake_worker_says(worker, &message, sizeof(message), NULL, 0), 0);
	stage_turn(stage);
}

void stage_hears(struct stage *stage, unsigned number, enum message_type type, struct heard *ret)
{
	CHECK_EQ(fake_worker_hears(worker_of(number), ret->room, sizeof(ret->room), &ret->got), 0);
	CHECK_EQ(message_check(ret->room, ret->got.size, ret->got.cap_count, FROM_SERVER), type);
}

sys_cap stage_space(struct stage *stage, unsigned number, uint64_t size, enum mett_reason reason)
{
	struct message_dataspace message = {.header = {MESSAGE_DATASPACE, 6}, .size = size};
	struct heard heard;

	CHECK_EQ(fake_worker_says(worker_of(number), &message, sizeof(message), NULL, 0), 0);
	stage_turn(stage);
	stage_hears(stage, number, MESSAGE_STATUS, &heard);
	CHECK_EQ(heard.header.tag, 6);
	CHECK_STR(mett_reason_name(heard.status.reason), mett_reason_name(reason));
	CHECK_EQ(heard.got.cap_count, reason == METT_OK);
	return heard.got.cap_count ? heard.got.caps[0] : SYS_NO_CAP;
}

void stage_ends(struct stage *stage, unsigned number, int signal, int code)
{
	fake_worker_ends(worker_of(number), signal, code);
	stage_turn(stage);
}

void stage_bury(struct stage *stage)
{
	for (unsigned i = 0; i < fake_workers(); i++)
		if (fake_worker(i) && fake_worker_killed(fake_worker(i)))
			stage_ends(stage, i, SYS_SIGNAL_KILLED, 0);
}

void stage_ready(struct stage *stage, const char *name, enum mett_policy policy)
{
	unsigned sandbox = fake_sandboxes(), worker = fake_workers();

	CHECK_EQ(stage_create(stage, MESSAGE_CREATE, name, policy), METT_OK);
	stage_invoke(stage, 0, name, "");
	if (policy != METT_POLICY_SPAWN)
		stage_zygote(stage, sandbox);
	for (unsigned i = worker; i < fake_workers(); i++)
		stage_parks(stage, i);
	stage_exit(stage, worker, "");
	stage_expect(stage, 0, METT_OK);
}
