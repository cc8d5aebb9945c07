#include <client/os.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_socket(const char *path)
{
	struct stat status;

	return stat(path, &status) < 0 || S_ISSOCK(status.st_mode);
}

static int no_connection(const char *path, int error, struct mett_error *ret)
{
	const char *why;

	switch (error) {
	case ENOENT:
		why = "there is no such socket; start mett-eagle, or name its socket in "
		      "METT_SOCKET";
		break;
	case ECONNREFUSED:
		why = is_socket(path) ? "nobody listens there; start mett-eagle"
		                      : "that is no socket; name the server's in METT_SOCKET";
		break;
	case EACCES:
	case EPERM:
		why = "permission denied; ask for access to the socket and its directories";
		break;
	case EPROTOTYPE:
		why = "a socket of another program; name the server's in METT_SOCKET";
		break;
	case EAGAIN:
		why = "it lets nobody in within 5 s; see what keeps it busy";
		break;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return mett_error_set(ret, METT_NO_MEMORY, 0, "cannot make a socket: %s",
		                      strerror(error));
	default:
		why = strerror(error);
	}
	return mett_error_set(ret, METT_GONE, 0, "no server at '%.107s': %s", path, why);
}

static int set_patience(int fd, uint64_t deadline_ns)
{
	uint64_t now = sys_clock_ns();
	uint64_t left_us = deadline_ns > now ? (deadline_ns - now) / 1000 + 1 : 1;
	struct timeval left = {(time_t)(left_us / 1000000), (suseconds_t)(left_us % 1000000)};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
}

int mett_os_connect(const char *path, uint64_t deadline_ns, sys_cap *ret, struct mett_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd, outcome;

	if (!length || length >= sizeof(address.sun_path))
		return mett_error_set(error, METT_BAD_ARGUMENT, 0,
		                      "socket path '%.64s%s' has %zu bytes; give one of 1 to %zu",
		                      path, length > 64 ? "..." : "", length,
		                      sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return no_connection(path, errno, error);
	do {
		set_patience(fd, deadline_ns);
		outcome = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	} while (outcome < 0 && errno == EINTR);
	if (outcome < 0) {
		outcome = errno;
		close(fd);
		return no_connection(path, outcome, error);
	}
	*ret = fd;
	return 0;
}

bool mett_os_lasts(sys_cap cap, size_t size)
{
	int seals = fcntl(cap, F_GET_SEALS);
	struct stat status;

	return seals >= 0 && seals & F_SEAL_SHRINK && fstat(cap, &status) == 0 &&
	       (uint64_t)status.st_size >= size;
}

int mett_os_poll_open(struct mett_client *client)
{
	struct epoll_event readable = {.events = EPOLLIN};

	client->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	client->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (client->event < 0 || client->poll_fd < 0 ||
	    epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->gate, &readable) < 0 ||
	    epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->event, &readable) < 0)
		return -errno;
	return 0;
}

void mett_os_poll_close(struct mett_client *client)
{
	sys_cap_close(client->poll_fd);
	sys_cap_close(client->event);
}

void mett_os_poll_signal(struct mett_client *client, bool on)
{
	eventfd_t ignored;

	if (on)
		eventfd_write(client->event, 1);
	else
		eventfd_read(client->event, &ignored);
}

bool mett_os_wait_for_any(sys_cap gate)
{
	struct pollfd poll_for = {.fd = gate, .events = POLLIN | POLLOUT};

	return poll(&poll_for, 1, -1) > 0 && poll_for.revents & ~POLLOUT;
}

unsigned mett_os_user(void)
{
	return (unsigned)geteuid();
}

size_t mett_os_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t whole_pages(size_t size)
{
	return (size + mett_os_page() - 1) / mett_os_page() * mett_os_page();
}

char *mett_os_map_answer(sys_cap cap, size_t size, size_t more, size_t *ret_size)
{
	size_t all = whole_pages(size) + whole_pages(more);
	char *memory = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, cap, 0) ==
	    MAP_FAILED) {
		munmap(memory, all);
		return NULL;
	}
	*ret_size = all;
	return memory;
}

void mett_os_protect_answer(void *memory, size_t size)
{
	mprotect(memory, size, PROT_READ);
}

void mett_os_unmap_answer(void *memory, size_t size)
{
	munmap(memory, size);
}
