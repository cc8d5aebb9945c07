#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS_USUAL = 80, ROWS_USUAL = 24 };

static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};

enum { FATAL = sizeof(fatal) / sizeof(*fatal) };

/* Other screen, no cursor; and back. */
static const char enter[] = "\033[?1049h\033[?25l", leave[] = "\033[?25h\033[?1049l";

static volatile sig_atomic_t resized;
static struct termios cooked;
static sigset_t mask_before;

static void on_resize(int number)
{
	resized = 1;
}

/* Then it does what it would have done. */
static void on_fatal(int number)
{
	ssize_t written = write(STDOUT_FILENO, leave, sizeof(leave) - 1);

	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	raise(number);
}

static void measure(struct terminal *terminal)
{
	struct winsize size = {0};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	terminal->columns = size.ws_col ? size.ws_col : COLUMNS_USUAL;
	terminal->rows = size.ws_row ? size.ws_row : ROWS_USUAL;
}

/* A change of size is blocked but while we wait, so that none is missed before. */
static void catch_signals(void)
{
	struct sigaction resize = {.sa_handler = on_resize};
	struct sigaction end = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND};
	sigset_t set;

	resized = 0;
	sigaction(SIGWINCH, &resize, NULL);
	for (int i = 0; i < FATAL; i++)
		sigaction(fatal[i], &end, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, &mask_before);
}

int terminal_enter(struct terminal *ret)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &cooked) < 0)
		return -errno;
	catch_signals();
	raw = cooked;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	/* Stopped, it would leave the shell a screen that is not its own. */
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	measure(ret);
	fputs(enter, stdout);
	fflush(stdout);
	return 0;
}

void terminal_leave(struct terminal *terminal)
{
	fputs(leave, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	for (int i = 0; i < FATAL; i++)
		signal(fatal[i], SIG_DFL);
	signal(SIGWINCH, SIG_DFL);
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

	if (resized) {
		resized = 0;
		measure(terminal);
		return TERMINAL_RESIZED;
	}
	return ready > 0 ? read_key() : TERMINAL_NOTHING;
}
