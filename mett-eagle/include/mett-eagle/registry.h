#pragma once

/*
 * Registry: where a program becomes a client. The server answers with a gate of
 * the client's own, gives it a core, and drops all that is the client's when
 * the gate is closed, however that comes about.
 */
#include "common.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mett_client;
struct mett_error;

/**
 * mett_default_socket() - where a server listens unless told otherwise
 * @buffer: memory for the path, zero-terminated
 * @size:   its size in bytes; 108 is enough for every path that can be bound
 *
 * $METT_SOCKET, else $XDG_RUNTIME_DIR/mett-eagle/socket, else
 * /run/mett-eagle/socket.
 *
 * Return: 0, or -ENAMETOOLONG.
 */
METT_EXPORT int mett_default_socket(char *buffer, size_t size);

/**
 * mett_default_state() - where a server of this user keeps what is to outlive it, and its
 * recorder what became of calls, unless told otherwise
 * @buffer: memory for the path of a folder, zero-terminated; "" on failure
 * @size:   its size in bytes, at least 1
 *
 * $XDG_STATE_HOME/mett-eagle, else /var/lib/mett-eagle for root, else
 * $HOME/.local/state/mett-eagle.
 *
 * Return: 0, -ENOENT (there is no such place: HOME is not set), or -ENAMETOOLONG.
 */
METT_EXPORT int mett_default_state(char *buffer, size_t size);

/**
 * mett_register_client() - become a client
 * @socket_path: server's socket; NULL: mett_default_socket()
 * @ret:         client, written on success only; free with mett_client_free()
 * @error:       why it failed; may be NULL
 *
 * Blocks until the server answers, at most five seconds.
 *
 * Return: 0, or
 *   -EINVAL   @ret is NULL
 *   -ENOENT   no free core, and the server's policy is to refuse
 *   -ENOMEM   no memory or descriptors here or in the server
 *   -EPIPE    no server there, or it hung up, did not answer or is shutting down
 *   -EAGAIN   the server has as many clients as it will take
 */
METT_EXPORT int mett_register_client(const char *socket_path, struct mett_client **ret,
                                     struct mett_error *error);

/**
 * mett_register_namespace() - become a client in a named namespace
 * @name: of the namespace; NULL: a private one, as mett_register_client()
 *
 * All clients of a namespace see the same actions, which outlive them. The home
 * namespace of a user is there whenever asked for; others are made by
 * mett_namespace_create(). Blocks as mett_register_client().
 *
 * Return: as mett_register_client(), and
 *   -EINVAL  METT_BAD_ARGUMENT: @name is not lawful
 *   -ENOENT  METT_NO_NAMESPACE, besides METT_NO_CORE
 *   -EACCES  METT_DENIED: only its owner, its members and root may
 *   -EIO     METT_NO_STATE: the server was to keep it and has no place to
 */
METT_EXPORT int mett_register_namespace(const char *socket_path, const char *name,
                                        struct mett_client **ret, struct mett_error *error);

/**
 * mett_home_namespace() - name of the namespace that is this user's by itself, as "u1000"
 * @buffer: memory for it, zero-terminated
 * @size:   its size in bytes; 12 is enough
 *
 * Return: 0, or -ENAMETOOLONG.
 */
METT_EXPORT int mett_home_namespace(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
