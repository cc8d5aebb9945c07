#pragma once

/*
 * What clients, workers and the server have in common: limits, languages,
 * policies, and the reasons for which a request can fail.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define METT_EXPORT __attribute__((visibility("default")))

/* Every limit a user can meet. Sizes are in bytes unless the name says otherwise. */
enum {
	METT_NAME_MAX = 64,             /* name of an action or namespace: [A-Za-z0-9._-]{1,64} */
	METT_INLINE_MAX = 64 << 10,     /* argument or answer that travels in the window */
	METT_PAYLOAD_MAX = 16 << 20,    /* argument or answer at all (server: --max-payload) */
	METT_GRANT_MAX = 64 << 20,      /* memory for large payloads that one activation gets */
	METT_PROGRAM_MAX = 256 << 20,   /* dataspace of an action */
	METT_IN_FLIGHT_MAX = 64,        /* invocations of one client at the same time */
	METT_ACTIVATIONS_MAX = 512,     /* activations of one session, nested ones included */
	METT_ACTIONS_MAX = 16384,       /* actions of one namespace */
	METT_DEPTH_MAX = 32,            /* nesting: a client's own invocation has depth 1 */
	METT_MESSAGE_MAX = 256,         /* text of an error, with its terminating zero */
	METT_LOG_TAIL_MAX = 4 << 10,    /* end of a failed activation's log that comes back */
	METT_WORKER_FDS_MAX = 512,      /* descriptors of one worker */
	METT_WORKER_THREADS_MAX = 64,   /* threads of one worker, where its policy allows any */
	METT_REUSE_IDLE_MS = 60000,     /* a process of policy reuse ends when idle for so long */
	METT_LAUNCH_TIMEOUT_MS = 60000, /* until a program's turn has come to be started */
	METT_START_TIMEOUT_MS = 10000,  /* a program's start up to its first readiness */
	METT_UNREAD_MS = 300000,        /* until a client that takes no answers is dismissed */
	METT_VERSIONS_MAX = 10,         /* versions of an action that are kept */
	METT_ENVIRONMENT_MAX =
		4 << 10,            /* an action's environment: all "KEY=V", each with its zero */
	METT_SPACES_MAX = 4096,     /* named namespaces of one server, besides homes */
	METT_SPACES_OWNED_MAX = 64, /* of them, those one user owns besides the own home */
	METT_MEMBERS_MAX = 64,      /* users of a namespace besides its owner */
	METT_LATENCY_BUCKETS = 128, /* of a histogram of durations, see mett_latency_ns() */
};

/** enum mett_language - how the server starts an action's program */
enum mett_language {
	METT_LANGUAGE_BINARY = 0,     /* an ELF executable, linked with libfaas */
	METT_LANGUAGE_PYTHON = 1,     /* a Python 3 script, or a zip archive with __main__.py */
	METT_LANGUAGE_EXEC = 2,       /* any executable or #! script, run once for each call */
	METT_LANGUAGE_ACTIONLOOP = 3, /* the same, but it stays up: a line in, a line out */
	METT_LANGUAGE_COUNT
};

/** enum mett_grant - what an action's functions see besides their own; to be or-ed */
enum mett_grant {
	METT_GRANT_SYSTEM = 1, /* the machine's /usr, /bin, /sbin and /lib*, for reading only */
	METT_GRANT_ALL = METT_GRANT_SYSTEM
};

/** enum mett_policy - how fresh the process of an activation is */
enum mett_policy {
	METT_POLICY_DEFAULT = 0, /* the action's own; for an action: fork */
	METT_POLICY_FORK,        /* new process each time, forked from the action's zygote; of
	                            what cannot be forked, exec and actionloop: spawn */
	METT_POLICY_SPAWN,       /* new sandbox and new exec each time */
	METT_POLICY_REUSE,       /* one process serves many activations, one after the other */
};

/**
 * enum mett_reason - why a request was not served
 *
 * `detail` is a number that goes with some of them, see there. Functions of the
 * C interface return mett_reason_errno() of the reason, negated.
 */
enum mett_reason {
	METT_OK = 0,
	METT_BAD_ARGUMENT,  /* EINVAL: null, a name out of its rules, an unknown flag */
	METT_NO_ACTION,     /* EINVAL: no action of that name in this namespace */
	METT_EXISTS,        /* EEXIST: an action of that name is there already */
	METT_BAD_DATASPACE, /* EINVAL: not readable, not a regular file, or empty */
	METT_BAD_PROGRAM,   /* EINVAL: dataspace is not a program the server can start */
	METT_TOO_LARGE,     /* EMSGSIZE: argument, answer or program; detail: the limit */
	METT_CRASHED,       /* EFAULT: ended by a signal; detail: its number */
	METT_EXITED,        /* EFAULT: ended without an answer; detail: exit code */
	METT_FAILED,        /* EFAULT: function reported an error; detail: its code */
	METT_TIMED_OUT,     /* EFAULT: timeout_us passed; detail: that limit in ms */
	METT_OUT_OF_MEMORY, /* EFAULT: memory_limit reached; detail: that limit in KiB */
	METT_FORBIDDEN,     /* EFAULT: made a system call the sandbox forbids */
	METT_PROTOCOL,      /* EFAULT: worker broke the protocol with the server */
	METT_NO_START,      /* EFAULT: program did not start, or its init hook failed */
	METT_NO_CORE,       /* ENOENT: no free core, policy is to refuse */
	METT_DEPTH,         /* EFAULT: invocations nested deeper than METT_DEPTH_MAX */
	METT_BUSY,          /* EAGAIN: a limit of this session is reached; try later */
	METT_NO_MEMORY,     /* ENOMEM: the server cannot get memory or descriptors */
	METT_GONE,          /* EPIPE: server is gone, or is shutting down */
	METT_DENIED,        /* EACCES: this user may not do that with this namespace */
	METT_NO_NAMESPACE,  /* ENOENT: no namespace of that name */
	METT_QUOTA,         /* EDQUOT: a limit of the namespace or action; detail: that limit */
	METT_NO_STATE,      /* EIO: the server cannot keep it, or has lost what it kept */
	METT_NO_VERSION,    /* EINVAL: no such version of the action is kept */
	METT_REASON_COUNT
};

/**
 * struct mett_quota - limits of a namespace, or what is used of them; 0: unlimited
 * @actions:    actions
 * @code:       bytes of all different programs of all versions that are kept
 * @memory:     sum of the memory limits of activations under way, in bytes; then each action
 *              must have one
 * @parked:     workers that wait
 * @concurrent: activations under way
 * @rate:       activations that begin in a second; a second's worth may come at once
 */
struct mett_quota {
	uint64_t actions;
	uint64_t code;
	uint64_t memory;
	uint64_t parked;
	uint64_t concurrent;
	uint64_t rate;
};

/** mett_reason_name() - a reason's name for people and machines, as "timed out"; static */
METT_EXPORT const char *mett_reason_name(enum mett_reason reason);

/** mett_language_name() - as "python"; static; NULL for what is none */
METT_EXPORT const char *mett_language_name(enum mett_language language);

/** mett_reason_errno() - a reason's errno class as the comments above give it; positive, or 0 */
METT_EXPORT int mett_reason_errno(enum mett_reason reason);

/** mett_name_valid() - 1 when @name (may be NULL) is a lawful name of an action, else 0 */
METT_EXPORT int mett_name_valid(const char *name);

#ifdef __cplusplus
}
#endif
