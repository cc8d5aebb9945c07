#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <mett-eagle/registry.h>

#include <system/linux/command.h>

const char command_name[] = "mett-recorder";

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

static int take_option(struct options *options, int option, const char *text)
{
	uint64_t value = 0;
	int result;

	switch (option) {
	case 's':
		return command_path("socket", text, options->socket, sizeof(options->socket));
	case 'm':
		return command_socket_mode(text, &options->socket_mode);
	case 'd':
		options->folder_default = false;
		return command_path("state", text, options->folder, sizeof(options->folder) - 64);
	case 'c':
		return command_size("keep-count", text, 1, 1000000000, &options->keep_count);
	case 'b':
		return command_size("keep-bytes", text, 64 << 10, (uint64_t)1 << 50,
		                    &options->keep_bytes);
	case 'r':
		result = command_size("ready-fd", text, 0, 65535, &value);
		options->ready_fd = (int)value;
		return result;
	default:
		return command_common(option, help);
	}
}

static int find_folder(struct options *options)
{
	int failure = mett_default_state(options->folder, sizeof(options->folder) - 64);

	if (failure == -ENOENT)
		return WRONG("there is no HOME; say where to keep records with --state");
	if (failure)
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
	if ((result = command_finish(argc, argv, ret->socket, sizeof(ret->socket))))
		return result;
	fmt_format(ret->records, sizeof(ret->records), "{}.records", ret->socket);
	if (strlen(ret->records) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return WRONG("'{}' is too long for a socket's path; give the server a shorter one",
		             ret->records);
	return ret->folder_default ? find_folder(ret) : 0;
}
