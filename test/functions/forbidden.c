/* Makes a system call that it must not: answers what came of it, if it still can. */
#include <faas.h>

#include <errno.h>
#include <sys/socket.h>

int faas_main(const void *argument, size_t size)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return faas_answer_format("{}", fd < 0 ? errno : 0);
}
