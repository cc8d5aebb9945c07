/* Answers what it can see of the world. */
#include <faas.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

static int try_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

int faas_main(const void *argument, size_t size)
{
	struct fmt_string text = {0};
	struct utsname system;

	fmt_append(&text, "fds:");
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			fmt_append(&text, " {}", fd);
	fmt_append(&text, "\nenvironment:");
	for (char **variable = environ; *variable; variable++)
		fmt_append(&text, " {}", *variable);
	fmt_append(&text, "\nerrno of / and .: {} {}", try_open("/"), try_open("."));
	fmt_append(&text, "\npid: {}", getpid());
	fmt_append(&text, "\nhost: {}\n", uname(&system) ? "?" : system.nodename);
	int error = faas_answer(text.data, text.length);
	fmt_string_deinit(&text);
	return error;
}
