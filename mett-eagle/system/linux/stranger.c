/*
 * Gates of strangers. With a message they can send what takes its time to close: a socket that
 * lingers until its peer has read, a file whose file system is a process of theirs. Whoever
 * holds such a thing last has to wait, also who has never looked at it.
 */
#include "../loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RIGHTS_MAX = 253, /* descriptors of one message; the kernel's SCM_MAX_FD */
	STACK_SIZE = 64 << 10,
};

#define CREDENTIALS_ROOM CMSG_SPACE(sizeof(struct ucred))

/* In this order they come. */
union control {
	struct cmsghdr header;
	char room[CREDENTIALS_ROOM + CMSG_SPACE(sizeof(int) * RIGHTS_MAX)];
};

/* Without room for them the kernel lets go of what came along. */
static ssize_t look(sys_cap gate, void *data, size_t size, int *ret_flags)
{
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t length;

	do
		length = recvmsg(gate, &message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	while (length < 0 && errno == EINTR);
	*ret_flags = message.msg_flags;
	return length;
}

int sys_gate_hear(sys_cap gate, void *data, size_t size, size_t *ret_size)
{
	int flags;
	ssize_t length = look(gate, data, size, &flags);

	if (length < 0 && errno == EAGAIN)
		return SYS_AGAIN;
	if (length < 0)
		return errno == ECONNRESET ? SYS_CLOSED : -errno;
	if (flags & MSG_CTRUNC)
		return SYS_REFUSED;
	if (length == 0)
		return SYS_CLOSED;
	if (recv(gate, NULL, 0, MSG_DONTWAIT) < 0)
		return -errno;
	*ret_size = (size_t)length;
	return 0;
}

/*
 * Is there a message? One of no bytes looks like the end, but for who sent it. False: and there
 * will be none.
 */
static bool take(sys_cap gate, union control *control, size_t room, int flags, struct msghdr *ret)
{
	*ret = (struct msghdr){.msg_control = control, .msg_controllen = room};
	return recvmsg(gate, ret, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0 &&
	       ret->msg_controllen;
}

static void close_rights(struct msghdr *message)
{
	static const struct linger none;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at < part->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (char *)part + at, sizeof(fd));
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
			close(fd);
		}
	}
}

static void close_slowly(sys_cap gate)
{
	union control control;
	struct msghdr message;

	while (take(gate, &control, sizeof(control), 0, &message))
		close_rights(&message);
	close(gate);
}

/* A thread that closes gates, one after the other. */
struct closer {
	sys_cap gate;
	pthread_cond_t given;
};

/* Of those that are done with theirs one waits for the next. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct closer *idle;

static bool await(struct closer *closer)
{
	closer->gate = SYS_NO_CAP;
	pthread_mutex_lock(&mutex);
	if (!idle) {
		idle = closer;
		while (closer->gate == SYS_NO_CAP)
			pthread_cond_wait(&closer->given, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	return closer->gate != SYS_NO_CAP;
}

static void *closer_main(void *data)
{
	struct closer closer = {(sys_cap)(intptr_t)data, PTHREAD_COND_INITIALIZER};

	do
		close_slowly(closer.gate);
	while (await(&closer));
	return NULL;
}

static bool give_to_idle(sys_cap gate)
{
	pthread_mutex_lock(&mutex);
	bool given = idle;
	if (given) {
		idle->gate = gate;
		pthread_cond_signal(&idle->given);
		idle = NULL;
	}
	pthread_mutex_unlock(&mutex);
	return given;
}

static bool give_to_new(sys_cap gate)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	int error = pthread_create(&thread, &attributes, closer_main, (void *)(intptr_t)gate);
	pthread_attr_destroy(&attributes);
	return !error;
}

void sys_gate_discard(sys_cap gate)
{
	static const int on = 1;
	union control control;
	struct msghdr message;

	if (gate == SYS_NO_CAP)
		return;
	setsockopt(gate, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	shutdown(gate, SHUT_RDWR);
	if (!take(gate, &control, CREDENTIALS_ROOM, MSG_PEEK, &message))
		close(gate);
	else if (!give_to_idle(gate) && !give_to_new(gate))
		close_slowly(gate);
}
