#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS_USUAL = 80, ROWS_USUAL = 24, SIZE_MAX_ = 1000 };

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};

enum { CAUGHT = sizeof(caught) / sizeof(*caught) };

static volatile sig_atomic_t ended, resized;
static struct sigaction before[CAUGHT];
static sigset_t mask_before;

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

static unsigned from_environment(const char *name, unsigned usual)
{
	const char *text = getenv(name);
	long number = text ? strtol(text, NULL, 10) : 0;

	return number > 0 && number <= SIZE_MAX_ ? (unsigned)number : usual;
}

unsigned terminal_columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return from_environment("COLUMNS", COLUMNS_USUAL);
}

static void measure(struct terminal *terminal)
{
	struct winsize size;

	terminal->columns = terminal_columns(STDOUT_FILENO);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
		terminal->rows = size.ws_row;
	else
		terminal->rows = from_environment("LINES", ROWS_USUAL);
}

/* They are blocked but while we wait, so that none is missed between a look and a wait. */
static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t set;

	ended = resized = 0;
	sigemptyset(&set);
	for (int i = 0; i < CAUGHT; i++) {
		sigaddset(&set, caught[i]);
		sigaction(caught[i], &action, &before[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &mask_before);
}

int terminal_enter(struct terminal *ret)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &ret->before) < 0)
		return -errno;
	catch_signals();
	raw = ret->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	/* Stopped, it would leave the shell a screen that is not its own. */
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	measure(ret);
	/* Other screen, no cursor. */
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
	return 0;
}

void terminal_leave(struct terminal *terminal)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
	for (int i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* What fits of a line; escape sequences and the rest of a UTF-8 character take no room. */
static const char *cut(const char *line, unsigned columns)
{
	unsigned used = 0;

	for (; *line && *line != '\n'; line++) {
		if (*line == '\033') {
			while (line[1] && *line != 'm')
				line++;
		} else if ((*line & 0xc0) != 0x80 && used++ == columns) {
			break;
		}
	}
	return line;
}

void terminal_draw(const struct terminal *terminal, const char *text)
{
	fputs("\033[H", stdout);
	for (unsigned row = 0; row < terminal->rows && *text; row++) {
		const char *end = cut(text, terminal->columns);

		/* A line feed behind the last would push the first out. */
		printf("%s%.*s\033[0m\033[K", row ? "\r\n" : "", (int)(end - text), text);
		end = strchrnul(end, '\n');
		text = *end ? end + 1 : end;
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* Keys that send more than a byte come with all of them at once. */
static int read_key(void)
{
	char bytes[16];
	ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (got <= 0)
		return got < 0 && errno == EINTR ? TERMINAL_NOTHING : TERMINAL_END;
	if (got == 3 && bytes[0] == '\033' && (bytes[1] == '[' || bytes[1] == 'O')) {
		if (bytes[2] == 'C')
			return TERMINAL_RIGHT;
		if (bytes[2] == 'D')
			return TERMINAL_LEFT;
	}
	return bytes[0] == '\033' && got > 1 ? TERMINAL_NOTHING : (unsigned char)bytes[0];
}

int terminal_wait(struct terminal *terminal, int64_t ms)
{
	struct pollfd key = {STDIN_FILENO, POLLIN, 0};
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
	int ready = ppoll(&key, 1, &time, &mask_before);

	if (ended)
		return TERMINAL_END;
	if (resized) {
		resized = 0;
		measure(terminal);
		return TERMINAL_RESIZED;
	}
	return ready > 0 ? read_key() : TERMINAL_NOTHING;
}
