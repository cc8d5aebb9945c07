#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define SEALS_SIZE  (F_SEAL_SHRINK | F_SEAL_GROW)
#define SEALS_WHOLE (SEALS_SIZE | F_SEAL_WRITE | F_SEAL_SEAL)

/* Room for one descriptor more than is allowed: padding admits it, and it must be seen. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int) * (SYS_CAPS_MAX + 1))];
};

void sys_cap_close(sys_cap cap)
{
	int saved = errno;

	/* Not written without need: in a forked process the page it lies in is still shared. */
	if (cap >= 0 && close(cap) < 0)
		errno = saved;
}

void sys_received_close(struct sys_received *received)
{
	for (unsigned i = 0; i < received->cap_count; i++)
		sys_cap_close(received->caps[i]);
	received->cap_count = 0;
}

int sys_gate_pair(sys_cap ret[2])
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	ret[0] = ends[0];
	ret[1] = ends[1];
	return 0;
}

int sys_gate_send(sys_cap gate, const void *data, size_t size, const sys_cap *caps, unsigned count)
{
	union control control;
	struct iovec part = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (count > SYS_CAPS_MAX)
		return -EINVAL;
	if (count) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(&control.header), caps, sizeof(int) * count);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	}
	while (sendmsg(gate, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EAGAIN)
			return SYS_AGAIN;
		if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
			return SYS_CLOSED;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Own every descriptor that came, before anything is judged. Returns their number. */
static unsigned take_fds(struct msghdr *message, int *fds)
{
	unsigned count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
			if (count <= SYS_CAPS_MAX)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

static int receive(sys_cap gate, void *data, size_t size, int flags, struct sys_received *ret)
{
	union control control;
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fds[SYS_CAPS_MAX + 1];
	ssize_t length;

	do
		length = recvmsg(gate, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length < 0) {
		if (errno == EAGAIN)
			return SYS_AGAIN;
		return errno == ECONNRESET ? SYS_CLOSED : -errno;
	}
	unsigned count = take_fds(&message, fds);
	bool cut = message.msg_flags & MSG_CTRUNC, closed = length == 0 && !count && !cut;
	bool refused = length == 0 || count > SYS_CAPS_MAX || message.msg_flags & MSG_TRUNC;
	if (refused || cut) {
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
		count = 0;
	}
	/* A message of no bytes is no message of ours: seqpacket says "closed" like this. */
	if (refused)
		return closed ? SYS_CLOSED : SYS_REFUSED;
	ret->size = (size_t)length;
	ret->cap_count = count;
	memcpy(ret->caps, fds, sizeof(int) * count);
	return cut ? SYS_CUT : 0;
}

int sys_gate_recv(sys_cap gate, void *data, size_t size, struct sys_received *ret)
{
	return receive(gate, data, size, 0, ret);
}

int gate_recv_whole(sys_cap gate, void *data, size_t size, struct sys_received *ret)
{
	int result = receive(gate, data, size, MSG_PEEK, ret);

	/* What was looked at is ours as well; now it leaves the queue. */
	if (!result && recv(gate, NULL, 0, MSG_DONTWAIT) < 0) {
		result = -errno;
		sys_received_close(ret);
	}
	return result;
}

static int poll_until(struct pollfd *poll_for, uint64_t deadline_ns)
{
	struct timespec rest, *timeout = NULL;

	if (deadline_ns) {
		uint64_t now = sys_clock_ns(), left = deadline_ns > now ? deadline_ns - now : 0;

		rest = (struct timespec){(time_t)(left / 1000000000), (long)(left % 1000000000)};
		timeout = &rest;
	}
	int ready = ppoll(poll_for, 1, timeout, NULL);
	if (ready < 0)
		return -errno;
	return ready ? 0 : SYS_AGAIN;
}

int sys_gate_wait(sys_cap gate, int write, uint64_t deadline_ns)
{
	struct pollfd poll_for = {.fd = gate, .events = write ? POLLOUT : POLLIN};

	return poll_until(&poll_for, deadline_ns);
}

int sys_dataspace_new(const char *name, size_t size, int executable, sys_cap *ret)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = executable ? memfd_create(name, flags | MFD_EXEC) : -1;

	/* Before Linux 6.3 there is no MFD_EXEC, and each memfd is executable. */
	if (fd < 0 && (!executable || errno == EINVAL))
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, SEALS_SIZE) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	*ret = fd;
	return 0;
}

int sys_dataspace_seal(sys_cap dataspace)
{
	return fcntl(dataspace, F_ADD_SEALS, SEALS_WHOLE) < 0 ? -errno : 0;
}

int sys_dataspace_check(sys_cap cap, size_t *ret_size)
{
	int seals = fcntl(cap, F_GET_SEALS);
	struct stat status;

	/* Only memory files have seals: what passes here can be read without waiting. */
	if (seals < 0 || (seals & SEALS_WHOLE) != SEALS_WHOLE)
		return -EINVAL;
	if (fstat(cap, &status) < 0 || !S_ISREG(status.st_mode))
		return -EINVAL;
	*ret_size = (size_t)status.st_size;
	return 0;
}

int sys_dataspace_wipe(sys_cap dataspace, void *memory, size_t size, size_t keep)
{
	off_t start, end = 0;

	/* Only pages that anybody has touched are there: most windows have three. */
	while ((start = lseek(dataspace, end, SEEK_DATA)) >= 0 && (size_t)start < size) {
		end = lseek(dataspace, start, SEEK_HOLE);
		if (end < 0)
			return -errno;
		if ((size_t)(end - start) <= keep)
			memset((char *)memory + start, 0, (size_t)(end - start));
		else if (fallocate(dataspace, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start,
		                   end - start) < 0)
			return -errno;
	}
	return start < 0 && errno != ENXIO ? -errno : 0;
}

int sys_map(sys_cap dataspace, size_t size, int writable, void **ret)
{
	/* Before Linux 6.7 what is sealed against writing cannot be mapped shared at all. */
	void *memory = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
	                    writable ? MAP_SHARED : MAP_PRIVATE, dataspace, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret = memory;
	return 0;
}

void sys_unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void sys_word_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000),
		.tv_nsec = (long)(deadline_ns % 1000000000),
	};

	/* WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC. */
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, deadline_ns ? &until : NULL, NULL,
	        FUTEX_BITSET_MATCH_ANY);
}

void sys_word_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint64_t sys_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
