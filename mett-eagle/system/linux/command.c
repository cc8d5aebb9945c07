#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mett-eagle/registry.h>

int command_wrong(const char *format, const struct fmt_arg *args, size_t count)
{
	char text[512];

	fmt_vformat(text, sizeof(text), format, args, count);
	fmt_print(stderr, "{}: {}\nTry '{} --help'.\n", command_name, text, command_name);
	return COMMAND_MISTAKE;
}

/* What was printed is out, or not. */
static int finish(void)
{
	if (!fflush(stdout))
		return COMMAND_DONE;
	fmt_print(stderr, "{}: cannot print: {}\n", command_name, strerror(errno));
	return COMMAND_FAILED;
}

int command_common(int option, const char *help)
{
	switch (option) {
	case 'h':
		fmt_print(stdout, "{}", help);
		return finish();
	case 'V':
		fmt_print(stdout, "{} {}\n", command_name, METT_VERSION);
		return finish();
	default:
		fmt_print(stderr, "Try '{} --help'.\n", command_name);
		return COMMAND_MISTAKE;
	}
}

/* @units: letters for 2^10, 2^20 and so on. */
static bool parse(const char *text, const char *units, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || end == text || strchr(text, '-'))
		return false;
	const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (*end && (!unit || !*unit || end[1]))
		return false;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (value > most >> shift)
		return false;
	*ret = value << shift;
	return true;
}

bool command_parse_size(const char *text, uint64_t most, uint64_t *ret)
{
	return parse(text, "KMGT", most, ret);
}

static int take(const char *name, const char *text, const char *units, uint64_t least,
                uint64_t most, uint64_t *ret)
{
	uint64_t value;

	if (!parse(text, units, most, &value) || value < least)
		return WRONG("--{}: '{}' is not from {} to {}", name, text, least, most);
	*ret = value;
	return 0;
}

int command_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	return take(name, text, "", least, most, ret);
}

int command_size(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	return take(name, text, "KMGT", least, most, ret);
}

int command_socket_mode(const char *text, unsigned *ret)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (end == text || *end || mode > 0777)
		return WRONG("--socket-mode: '{}' is no octal file mode; write it as 0660", text);
	*ret = (unsigned)mode;
	return 0;
}

int command_path(const char *name, const char *text, char *ret, size_t size)
{
	if (!*text || strlen(text) >= size)
		return WRONG("--{}: a path has 1 to {} bytes; choose another", name, size - 1);
	strcpy(ret, text);
	return 0;
}

int command_finish(int argc, char **argv, char *socket, size_t size)
{
	if (optind < argc)
		return WRONG("'{}' is no option; there are no other arguments", argv[optind]);
	if (!*socket && mett_default_socket(socket, size))
		return WRONG("the default socket's path is too long; give one with --socket");
	return 0;
}
