#pragma once

/*
 * The messages, described once. Every interface is a table: name, who sends it,
 * fixed part, how much may follow it, how many capabilities go along. Both sides
 * build and check messages from these tables, with message_check().
 *
 * All run over local sockets between processes of one machine: native byte
 * order and alignment. `tag` is chosen by who asks and comes back with the answer.
 */
#include <mett-eagle/base.h>

enum {
	PROTOCOL_VERSION = 3,
	MESSAGE_MAX = 8 << 10, /* bytes of any message */
	MESSAGE_CAPS_MAX = 16, /* capabilities with any message */
};

struct message_header {
	uint32_t type; /* enum message_type */
	uint32_t tag;
};

/* A name as it travels: zero-terminated, zero-filled. */
struct message_name {
	char text[METT_NAME_MAX + 8];
};

/* registry */

struct message_register {
	struct message_header header;
	uint32_t version; /* PROTOCOL_VERSION */
	uint32_t reserved;
	struct message_name space; /* empty: a private namespace */
};

/* Reason METT_OK: with gate and client window. Else text follows, without capabilities. */
struct message_registered {
	struct message_header header;
	uint32_t version;
	uint32_t reason;
	uint32_t core;
	uint32_t reserved;
	uint64_t payload_max;
};

/* recorder; answered by a status, or by RECORDING, see record.h */

struct message_record {
	struct message_header header;
	uint32_t version; /* PROTOCOL_VERSION */
	uint32_t reserved;
};

struct message_recording {
	struct message_header header;
	uint64_t started_ns; /* the server; ids of activations are unique since then */
};

/* There is something to read in some ring. */
struct message_bell {
	struct message_header header;
};

/* A session's ring, with its dataspace; the same again for a recorder that comes later. */
struct message_ring {
	struct message_header header;
	struct message_name space;
	uint32_t owner; /* of the namespace, a user id */
	uint32_t reserved;
};

/* base */

/* With an argument above METT_INLINE_MAX: one capability, a sealed dataspace. */
struct message_invoke {
	struct message_header header;
	struct message_name name;
	struct mett_config config;
	uint64_t size;  /* of the argument */
	uint32_t slot;  /* of the caller's window, which holds the argument */
	uint32_t flags; /* INVOKE_* */
};

enum {
	INVOKE_WANTS_LANES = 1, /* the caller would use lanes of this action */
};

/*
 * Outcome; its answer lies in the slot, or comes as a sealed dataspace when above
 * METT_INLINE_MAX. Behind the fixed part: text_size bytes of error text, then
 * log_size bytes of log, neither with a terminating zero.
 */
struct message_done {
	struct message_header header;
	uint32_t slot;
	uint32_t reason;
	int32_t detail;
	uint16_t text_size;
	uint16_t log_size;
	uint64_t size; /* of the answer */
	uint64_t activation;
	struct mett_metadata times;
};

/* client */

/*
 * With one capability, a sealed dataspace with the program. For create, update and
 * deploy. The environment follows, see environment_valid().
 */
struct message_create {
	struct message_header header;
	struct message_name name;
	struct mett_config defaults;
	uint32_t language;
	uint32_t policy;
	uint32_t grants;
	uint32_t concurrency;
};

/*
 * A lane of an action that this client can use, see window.h; with its worker
 * window. Takes the place of any the client knew by that number.
 */
struct message_lane {
	struct message_header header;
	struct message_name name;
	uint32_t lane;
	uint32_t generation;
	uint32_t keep; /* 1: armed again as soon as the client has the answer */
	uint32_t reserved;
};

/*
 * The call on this lane takes long, or went wrong: `tag` is that of its claim. A
 * worker has but one lane.
 */
struct message_claim {
	struct message_header header;
	uint32_t lane;
	uint32_t reserved;
	uint64_t timeout_us; /* its own; 0: the action's */
};

struct message_delete {
	struct message_header header;
	struct message_name name;
};

/* Names greater than `after`, which may be empty. */
struct message_list {
	struct message_header header;
	struct message_name after;
};

struct message_action {
	struct message_name name;
	struct mett_config defaults;
	uint64_t size;
	uint64_t activations;
	uint32_t language;
	uint32_t policy;
	uint32_t version;
	uint32_t grants;
	uint32_t concurrency;
	uint32_t reserved;
};

struct message_stats {
	struct message_name name;
	uint64_t calls;
	uint64_t errors;
	uint64_t memory;
	uint32_t running;
	uint32_t parked;
	uint64_t latency[METT_LATENCY_BUCKETS];
};

/* struct mett_quota and what is used of it go as they are. */
struct message_space_row {
	struct message_name name;
	uint32_t owner;
	uint32_t member_count;
	uint32_t members[METT_MEMBERS_MAX];
	struct mett_quota quota;
	struct mett_quota used;
};

/*
 * Answer to list, stats and spaces: `count` of struct message_action, message_stats or
 * message_space_row follow, sorted by name; `more`: ask on behind the last.
 */
struct message_rows {
	struct message_header header;
	uint32_t count;
	uint32_t more;
};

/*
 * Versions: asks for the oldest that is newer than this. Rollback: makes this one current;
 * 0: the one before the present.
 */
struct message_version_of {
	struct message_header header;
	struct message_name name;
	uint32_t version;
	uint32_t reserved;
};

/* The version asked for; number 0: there is none. Its environment follows. */
struct message_version {
	struct message_header header;
	uint32_t version;
	uint32_t current;
	uint64_t size;
	uint64_t deployed_us;
	char digest[72];
	struct mett_config defaults;
	uint32_t language;
	uint32_t policy;
	uint32_t grants;
	uint32_t concurrency;
};

/* What is to be done with a namespace; the type says what, and what of this it needs. */
struct message_space {
	struct message_header header;
	struct message_name name;
	uint32_t uid;
	uint32_t reserved;
	struct mett_quota quota;
};

/*
 * Answer to what changes something, and to dataspace; detail: of a deploy or rollback the
 * version. Text follows, without terminating zero.
 */
struct message_status {
	struct message_header header;
	uint32_t reason;
	int32_t detail;
};

/* worker */

/* Asks for memory to write a large answer or argument to; answered by a status with it. */
struct message_dataspace {
	struct message_header header;
	uint64_t size;
};

/*
 * The function ended. With an answer above METT_INLINE_MAX: one capability, the
 * dataspace the server gave, no longer mapped by the worker.
 */
struct message_exit {
	struct message_header header;
	int32_t error; /* 0, or positive: code the function reports; the answer is then its text */
	uint32_t reserved;
	uint64_t size;
	struct mett_metadata times; /* start_runtime .. end_runtime */
};

struct message_signal {
	struct message_header header;
	int32_t signal;
	int32_t value;
};

/* The argument, when it is above METT_INLINE_MAX: one capability, sent before the wake-up. */
struct message_argument {
	struct message_header header;
	uint64_t size;
};

/* sandbox */

/* First message, sent by the builder of the sandbox: its init's and first process's handle. */
struct message_built {
	struct message_header header;
};

/* The sandbox could not be built or the program not be started; text follows. */
struct message_unbuilt {
	struct message_header header;
	int32_t error; /* negative errno, or 0 */
	uint32_t reserved;
};

/* The program is up: as a zygote it can fork now, as a worker it is parked. */
struct message_ready {
	struct message_header header;
};

/*
 * Fork a worker for each of the `count` seats whose numbers follow. With capabilities,
 * in the order of enum fork_cap, it is for one: the seat is furnished with them and
 * keeps them for later workers, but for SEAT_NONE, which is forgotten at once.
 */
struct message_fork {
	struct message_header header;
	uint32_t count;
	uint32_t reserved;
};

enum fork_cap {
	FORK_GATE,
	FORK_WINDOW,
	FORK_LOG,
	FORK_CALLEE, /* the window of a worker it may call; may be missing */
	FORK_CAPS,
};

enum {
	SEATS_MAX = 64,              /* of one zygote */
	SEAT_NONE = SEATS_MAX,       /* for one worker only */
	FORK_MAX = MESSAGE_CAPS_MAX, /* workers asked for at once */
};

/*
 * Answer, in order of asking; with the handles of the new processes, in the order of
 * their seats. With an error there are less than were asked for.
 */
struct message_forked {
	struct message_header header;
	int32_t error; /* 0 or negative errno */
	uint32_t reserved;
};

/*
 *	type, sender, fixed part, most bytes behind it, least and most capabilities
 */
#define PROTOCOL_MESSAGES(M)                                                                       \
	M(REGISTER, FROM_CLIENT, struct message_register, 0, 0, 0)                                 \
	M(REGISTERED, FROM_SERVER, struct message_registered, METT_MESSAGE_MAX, 0, 2)              \
	M(RECORD, FROM_CLIENT, struct message_record, 0, 0, 0)                                     \
	M(RECORDING, FROM_SERVER, struct message_recording, 0, 0, 0)                               \
	M(BELL, FROM_SERVER, struct message_bell, 0, 0, 0)                                         \
	M(RING, FROM_SERVER, struct message_ring, 0, 1, 1)                                         \
	M(INVOKE, FROM_CLIENT | FROM_WORKER, struct message_invoke, 0, 0, 1)                       \
	M(DONE, FROM_SERVER, struct message_done, METT_MESSAGE_MAX + METT_LOG_TAIL_MAX, 0, 1)      \
	M(CREATE, FROM_CLIENT, struct message_create, METT_ENVIRONMENT_MAX, 1, 1)                  \
	M(UPDATE, FROM_CLIENT, struct message_create, METT_ENVIRONMENT_MAX, 1, 1)                  \
	M(DEPLOY, FROM_CLIENT, struct message_create, METT_ENVIRONMENT_MAX, 1, 1)                  \
	M(DELETE, FROM_CLIENT, struct message_delete, 0, 0, 0)                                     \
	M(VERSIONS, FROM_CLIENT, struct message_version_of, 0, 0, 0)                               \
	M(ROLLBACK, FROM_CLIENT, struct message_version_of, 0, 0, 0)                               \
	M(LANE, FROM_SERVER, struct message_lane, 0, 1, 1)                                         \
	M(CLAIM, FROM_CLIENT | FROM_WORKER, struct message_claim, 0, 0, 0)                         \
	M(LIST, FROM_CLIENT, struct message_list, 0, 0, 0)                                         \
	M(STATS, FROM_CLIENT, struct message_list, 0, 0, 0)                                        \
	M(SPACES, FROM_CLIENT, struct message_list, 0, 0, 0)                                       \
	M(ROWS, FROM_SERVER, struct message_rows, MESSAGE_MAX - 16, 0, 0)                          \
	M(VERSION, FROM_SERVER, struct message_version, METT_ENVIRONMENT_MAX, 0, 0)                \
	M(SPACE_CREATE, FROM_CLIENT, struct message_space, 0, 0, 0)                                \
	M(SPACE_DELETE, FROM_CLIENT, struct message_space, 0, 0, 0)                                \
	M(SPACE_ALLOW, FROM_CLIENT, struct message_space, 0, 0, 0)                                 \
	M(SPACE_FORBID, FROM_CLIENT, struct message_space, 0, 0, 0)                                \
	M(SPACE_LIMIT, FROM_CLIENT, struct message_space, 0, 0, 0)                                 \
	M(STATUS, FROM_SERVER, struct message_status, METT_MESSAGE_MAX, 0, 1)                      \
	M(DATASPACE, FROM_WORKER, struct message_dataspace, 0, 0, 0)                               \
	M(EXIT, FROM_WORKER, struct message_exit, 0, 0, 1)                                         \
	M(SIGNAL, FROM_WORKER, struct message_signal, 0, 0, 0)                                     \
	M(ARGUMENT, FROM_SERVER, struct message_argument, 0, 1, 1)                                 \
	M(BUILT, FROM_ZYGOTE, struct message_built, 0, 2, 2)                                       \
	M(UNBUILT, FROM_ZYGOTE, struct message_unbuilt, METT_MESSAGE_MAX, 0, 0)                    \
	M(READY, FROM_ZYGOTE, struct message_ready, 0, 0, 0)                                       \
	M(FORK, FROM_SERVER, struct message_fork, FORK_MAX * sizeof(uint32_t), 0, FORK_CAPS)       \
	M(FORKED, FROM_ZYGOTE, struct message_forked, 0, 0, FORK_MAX)

enum message_type {
	MESSAGE_NONE,
#define M(type_, ...) MESSAGE_##type_,
	PROTOCOL_MESSAGES(M)
#undef M
		MESSAGE_TYPE_COUNT
};

/* Who may send a message; values to be or-ed. */
enum message_sender {
	FROM_CLIENT = 1,
	FROM_WORKER = 2,
	FROM_ZYGOTE = 4,
	FROM_SERVER = 8,
};

/**
 * message_check() - is this a message of its kind?
 * @message: the bytes, aligned for any struct of the protocol
 * @size:    their number
 * @caps:    number of capabilities that came along
 * @sender:  who sent it
 *
 * Checks type, sender, size and number of capabilities; not what the fields say.
 *
 * Return: the type, or MESSAGE_NONE.
 */
enum message_type message_check(const void *message, size_t size, unsigned caps,
                                enum message_sender sender);

/** message_type_name() - name for the log, as "INVOKE"; static */
const char *message_type_name(enum message_type type);

/** message_name_set() - fill in a name; @name fits */
void message_name_set(struct message_name *ret, const char *name);

/** message_name_valid() - zero-terminated, zero-filled and lawful? */
int message_name_valid(const struct message_name *name);

/**
 * environment_valid() - is this an environment as it travels and is kept?
 * @text: strings "KEY=V" one behind the other, each with its terminating zero; keys of
 *        [A-Za-z0-9_], the first no digit, none twice
 * @size: in bytes, all zeros included; 0: there is none
 */
int environment_valid(const char *text, size_t size);
