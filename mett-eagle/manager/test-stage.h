#pragma once

/*
 * Stage: a server with one session on the fake system, and the client's side of
 * it. The test plays the client, the zygotes and the workers.
 */
#include <elf.h>

#include <protocol/note.h>
#include <protocol/protocol.h>
#include <protocol/window.h>
#include <system/fake/fake.h>

#include <test.h>

#include "session.h"

#define STAGE_MS ((uint64_t)1000000)

struct stage {
	struct server server;
	struct session *session;
	sys_cap gate; /* the client's end; SYS_NO_CAP once it is closed */
	sys_cap window_cap;
	struct client_window *window;
	bool archivist_rests; /* what is ordered of it is not done */
};

/* Any message of the server, with what came along. */
struct heard {
	union {
		struct message_header header;
		struct message_done done;
		struct message_status status;
		struct message_rows actions;
		struct message_version version;
		unsigned char room[MESSAGE_MAX];
	};
	struct sys_received got;
};

/* The smallest program the server takes. */
struct stage_program {
	Elf64_Ehdr elf;
	Elf64_Phdr load;
	Elf64_Phdr notes;
	struct note_program note;
};

/** stage_program_init() - fill in a program that is right in all */
void stage_program_init(struct stage_program *program);

/** stage_program() - a capability to one; the caller's to close */
sys_cap stage_program(void);

/** stage_config() - what the tests' servers are configured as */
struct server_config stage_config(unsigned parked);

/** stage_open() - a server, and a session with its client; so many workers are kept parked */
void stage_open(struct stage *stage, unsigned parked);

/**
 * stage_open_space() - the same with a session in a named namespace
 * @store: what is to outlive the server, or NULL; closed with the stage
 */
void stage_open_space(struct stage *stage, const char *space, struct sys_store *store);

/** stage_join() - one more session in the host's namespace, with a client of its own */
void stage_join(struct stage *guest, struct stage *host);

/** stage_leave() - its client leaves; the rest stays */
void stage_leave(struct stage *guest);

/** stage_close() - the client leaves; all is freed, and must be gone */
void stage_close(struct stage *stage);

/** stage_turn() - let the session do what there is to do */
void stage_turn(struct stage *stage);

/** stage_wait() - let so much time pass, and then stage_turn() */
void stage_wait(struct stage *stage, uint64_t ms);

/** stage_send() - the client sends a message; it goes out */
void stage_send(struct stage *stage, const void *data, size_t size, sys_cap cap);

/** stage_hear() - the client takes a message; false: there is none */
bool stage_hear(struct stage *stage, struct heard *ret);

/** stage_create() - the client creates or updates an action; returns the answer's reason */
enum mett_reason stage_create(struct stage *stage, enum message_type type, const char *name,
                              enum mett_policy policy);

/** stage_order() - the client creates, updates or deploys an action; it is not answered yet */
void stage_order(struct stage *stage, enum message_type type, const char *name,
                 const struct mett_action_options *options, sys_cap program);

/** stage_status() - the client is told what came of it; returns the reason */
enum mett_reason stage_status(struct stage *stage, int32_t *ret_detail, char *ret_text);

/** stage_delete() - the client deletes an action; returns the answer's reason */
enum mett_reason stage_delete(struct stage *stage, const char *name);

/** stage_invoke() - the client invokes, with the tag as slot too, and the session takes it */
void stage_invoke(struct stage *stage, uint32_t tag, const char *name, const char *argument);

/** stage_invoke_timed() - the same with a timeout */
void stage_invoke_timed(struct stage *stage, uint32_t tag, const char *name, uint64_t timeout_ms);

/** stage_invoke_large() - the same with an argument of its own dataspace */
void stage_invoke_large(struct stage *stage, uint32_t tag, const char *name, size_t size);

/** stage_done() - the client takes the outcome of @tag, which must be next, and be of @reason */
void stage_done(struct stage *stage, uint32_t tag, enum mett_reason reason, struct heard *ret);

/** stage_expect() - the same, without a look at the rest of it */
void stage_expect(struct stage *stage, uint32_t tag, enum mett_reason reason);

/** stage_expect_text() - the same, and the error's text contains @text */
void stage_expect_text(struct stage *stage, uint32_t tag, enum mett_reason reason,
                       const char *text);

/** stage_silent() - nothing was said to the client */
void stage_silent(struct stage *stage);

/** stage_zygote() - that sandbox's zygote comes up */
void stage_zygote(struct stage *stage, unsigned number);

/** stage_parks() - that worker parks */
void stage_parks(struct stage *stage, unsigned number);

/** stage_exit() - that worker answers and, if it was killed, ends */
void stage_exit(struct stage *stage, unsigned number, const char *answer);

/** stage_calls() - that worker invokes an action */
void stage_calls(struct stage *stage, unsigned number, uint32_t tag, const char *name,
                 const char *argument);

/** stage_hears() - that worker takes a message, of that type */
void stage_hears(struct stage *stage, unsigned number, enum message_type type, struct heard *ret);

/** stage_space() - that worker asks for a dataspace of @size bytes, and is told @reason; what it
 * gets is the caller's */
sys_cap stage_space(struct stage *stage, unsigned number, uint64_t size, enum mett_reason reason);

/** stage_ends() - that worker's process ends */
void stage_ends(struct stage *stage, unsigned number, int signal, int code);

/** stage_bury() - every worker that was killed ends */
void stage_bury(struct stage *stage);

/** stage_ready() - make an action and bring its zygote and its workers up, with one invocation */
void stage_ready(struct stage *stage, const char *name, enum mett_policy policy);
