#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <libfmt/fmt.h>

#include <mett-eagle/registry.h>

enum { DONE = 1, WRONG = 2 };

static const char help[] =
	"Usage: mett-recorder [OPTION]...\n"
	"Keep what became of the invocations of a mett-eagle server, and tell who asks.\n"
	"\n"
	"  --socket PATH       the server's socket (default: $METT_SOCKET, else\n"
	"                      $XDG_RUNTIME_DIR/mett-eagle/socket, else\n"
	"                      /run/mett-eagle/socket); listens at PATH.records\n"
	"  --socket-mode MODE  who may ask, as octal file mode (default 0600)\n"
	"  --state DIR         keep the records in DIR/records.sqlite (default:\n"
	"                      $XDG_STATE_HOME/mett-eagle, else as root /var/lib/mett-eagle,\n"
	"                      else ~/.local/state/mett-eagle)\n"
	"  --keep-count N      records of each namespace, the newest (default 10000)\n"
	"  --keep-bytes SIZE   the same, in bytes (default 64M)\n"
	"  --ready-fd N        write a line to descriptor N when queries are answered\n"
	"  -h, --help          print this help and exit\n"
	"  -V, --version       print the version and exit\n"
	"\n"
	"LOG_LEVEL, LOG_FORMAT and NO_COLOR shape the log on stderr. See mett-recorder(8).\n";

static int wrong(const char *format, const struct fmt_arg *args, size_t count)
{
	char text[512];

	fmt_vformat(text, sizeof(text), format, args, count);
	fmt_print(stderr, "mett-recorder: {}\nTry 'mett-recorder --help'.\n", text);
	return WRONG;
}

#define WRONG(format_, ...) wrong(format_, FMT_ARGS(__VA_ARGS__))

/* A number with one of K, M, G, T behind it, or none. */
static bool parse_size(const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || end == text || strchr(text, '-'))
		return false;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (*end && (!unit || !*unit || end[1]))
		return false;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (value > most >> shift || value << shift < least)
		return false;
	*ret = value << shift;
	return true;
}

static int take_size(const char *name, const char *text, uint64_t least, uint64_t most,
                     uint64_t *ret)
{
	if (!parse_size(text, least, most, ret))
		return WRONG("--{}: '{}' is not from {} to {}", name, text, least, most);
	return 0;
}

static int take_mode(struct options *options, const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (end == text || *end || mode > 0777)
		return WRONG("--socket-mode: '{}' is no octal file mode; write it as 0660", text);
	options->socket_mode = (unsigned)mode;
	return 0;
}

static int take_path(const char *name, const char *text, char *ret, size_t size)
{
	if (!*text || strlen(text) >= size)
		return WRONG("--{}: a path has 1 to {} bytes; choose another", name, size - 1);
	strcpy(ret, text);
	return 0;
}

static int take_option(struct options *options, int option, const char *text)
{
	uint64_t value = 0;
	int result;

	switch (option) {
	case 's':
		return take_path("socket", text, options->socket, sizeof(options->socket));
	case 'm':
		return take_mode(options, text);
	case 'd':
		options->folder_default = false;
		return take_path("state", text, options->folder, sizeof(options->folder) - 64);
	case 'c':
		return take_size("keep-count", text, 1, 1000000000, &options->keep_count);
	case 'b':
		return take_size("keep-bytes", text, 64 << 10, (uint64_t)1 << 50,
		                 &options->keep_bytes);
	case 'r':
		result = take_size("ready-fd", text, 0, 65535, &value);
		options->ready_fd = (int)value;
		return result;
	case 'h':
		fmt_print(stdout, "{}", help);
		return DONE;
	case 'V':
		fmt_print(stdout, "mett-recorder {}\n", METT_VERSION);
		return DONE;
	default:
		fmt_print(stderr, "Try 'mett-recorder --help'.\n");
		return WRONG;
	}
}

static int find_folder(struct options *options)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	size_t size = sizeof(options->folder) - 64;
	int length;

	if (state && *state == '/')
		length = fmt_format(options->folder, size, "{}/mett-eagle", state);
	else if (geteuid() == 0)
		length = fmt_format(options->folder, size, "/var/lib/mett-eagle");
	else if (home && *home == '/')
		length = fmt_format(options->folder, size, "{}/.local/state/mett-eagle", home);
	else
		return WRONG("there is no HOME; say where to keep records with --state");
	if (length < 0 || (size_t)length >= size)
		return WRONG("the default folder's path is too long; give one with --state");
	return 0;
}

int options_parse(struct options *ret, int argc, char **argv)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'},
		{"socket-mode", required_argument, NULL, 'm'},
		{"state", required_argument, NULL, 'd'},
		{"keep-count", required_argument, NULL, 'c'},
		{"keep-bytes", required_argument, NULL, 'b'},
		{"ready-fd", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option, result;

	*ret = (struct options){
		.folder_default = true,
		.socket_mode = 0600,
		.keep_count = 10000,
		.keep_bytes = 64 << 20,
		.ready_fd = -1,
	};
	while ((option = getopt_long(argc, argv, "hV", known, NULL)) != -1)
		if ((result = take_option(ret, option, optarg)))
			return result;
	if (optind < argc)
		return WRONG("'{}' is no option; there are no other arguments", argv[optind]);
	if (!*ret->socket && mett_default_socket(ret->socket, sizeof(ret->socket)))
		return WRONG("the default socket's path is too long; give one with --socket");
	fmt_format(ret->records, sizeof(ret->records), "{}.records", ret->socket);
	if (strlen(ret->records) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return WRONG("'{}' is too long for a socket's path; give the server a shorter one",
		             ret->records);
	return ret->folder_default ? find_folder(ret) : 0;
}
