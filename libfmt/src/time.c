/*
 * Times by %-letters, always with the names and forms of the C locale. Done
 * here and not with strftime(), which goes by the process's locale, can load
 * time zones, and leaves years before 1000 short.
 */
#include "internal.h"

#include <string.h>

enum {
	DAYS_400Y = 146097, /* after 400 years the calendar repeats */
	DAY_S = 86400,
	NS_DIGITS = 9,
	WEEK = 7,
};

struct moment {
	struct tm tm;
	long ns;      /* -1: has no fractions of a second */
	int decimals; /* how many digits of @ns are shown */
};

static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static bool is_leap(long long year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static void set_date(struct tm *tm, long long days)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	long long year = 1970 + 400 * (days / DAYS_400Y);

	tm->tm_wday = (int)(((days + 4) % WEEK + WEEK) % WEEK);
	days %= DAYS_400Y;
	for (; days < 0; days += 365 + is_leap(year))
		year--;
	for (; days >= 365 + is_leap(year); year++)
		days -= 365 + is_leap(year);
	tm->tm_yday = (int)days;
	tm->tm_mon = 11;
	while (days < before[tm->tm_mon] + (tm->tm_mon > 1 && is_leap(year)))
		tm->tm_mon--;
	tm->tm_mday = (int)days - before[tm->tm_mon] - (tm->tm_mon > 1 && is_leap(year)) + 1;
	tm->tm_year = (int)(year - 1900);
}

/* UTC. gmtime_r() would do, had it not a lock and a time zone file to read. */
static int set_moment(struct fmt_writer *w, const struct timespec *time, struct moment *ret)
{
	const long long limit = 2147483647LL * 365 * DAY_S; /* the year fits an int */
	long long seconds = time->tv_sec % DAY_S, days = time->tv_sec / DAY_S;

	if (time->tv_sec > limit || time->tv_sec < -limit || time->tv_nsec < 0 ||
	    time->tv_nsec > 999999999)
		return fmt_wrong(w, "time is out of range");
	if (seconds < 0) {
		seconds += DAY_S;
		days--;
	}
	set_date(&ret->tm, days);
	ret->tm.tm_hour = (int)(seconds / 3600);
	ret->tm.tm_min = (int)(seconds / 60 % 60);
	ret->tm.tm_sec = (int)(seconds % 60);
	ret->tm.tm_zone = "UTC";
	ret->ns = time->tv_nsec;
	return 0;
}

static bool is_valid(const struct tm *tm)
{
	return tm->tm_sec >= 0 && tm->tm_sec <= 61 && tm->tm_min >= 0 && tm->tm_min <= 59 &&
	       tm->tm_hour >= 0 && tm->tm_hour <= 23 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
	       tm->tm_mon >= 0 && tm->tm_mon <= 11 && tm->tm_wday >= 0 && tm->tm_wday <= 6 &&
	       tm->tm_yday >= 0 && tm->tm_yday <= 365;
}

static void put_padded(struct fmt_writer *w, long long number, int width, char fill)
{
	struct fmt_spec spec = {.fill = {fill}, .fill_size = 1, .align = '0', .width = width};
	struct fmt_arg arg = fmt_arg_int(number);

	fmt_put_integer(w, &spec, &arg);
}

/* ISO 8601: weeks begin on Monday, the first one holds the first Thursday. */
static int iso_week(const struct tm *tm, long long *ret_year)
{
	int weekday = (tm->tm_wday + WEEK - 1) % WEEK;
	int thursday = tm->tm_yday - weekday + 3;

	*ret_year = tm->tm_year + 1900LL;
	if (thursday < 0) {
		--*ret_year;
		thursday += 365 + is_leap(*ret_year);
	} else if (thursday >= 365 + is_leap(*ret_year)) {
		thursday -= 365 + is_leap(*ret_year);
		++*ret_year;
	}
	return thursday / WEEK + 1;
}

static void put_fraction(struct fmt_writer *w, const struct moment *m)
{
	char text[24];

	if (m->ns < 0 || m->decimals == 0)
		return;
	snprintf(text, sizeof(text), ".%09ld", m->ns);
	fmt_put_bytes(w, text, 1 + (size_t)m->decimals);
}

/* Before the year 0 a century is followed by a year counted down. */
static void put_century(struct fmt_writer *w, long long year)
{
	if (year < 0 && year > -100)
		fmt_put_bytes(w, "-0", 2);
	else
		put_padded(w, year / 100, year < 0 ? 0 : 2, '0');
}

static void put_zone(struct fmt_writer *w, const struct tm *tm)
{
	long minutes = tm->tm_gmtoff / 60;

	fmt_put_char(w, tm->tm_gmtoff < 0 ? '-' : '+');
	if (minutes < 0)
		minutes = -minutes;
	put_padded(w, minutes / 60 * 100 + minutes % 60, 4, '0');
}

static void put_name(struct fmt_writer *w, const char *name)
{
	fmt_put_bytes(w, name, strlen(name));
}

/* Letters that are short for several others. */
static const char *expansion(char letter)
{
	switch (letter) {
	case 'c':
		return "%a %b %e %T %Y";
	case 'D':
	case 'x':
		return "%m/%d/%y";
	case 'F':
		return "%Y-%m-%d";
	case 'R':
		return "%H:%M";
	case 'r':
		return "%I:%M:%S %p";
	case 'T':
	case 'X':
		return "%H:%M:%S";
	default:
		return NULL;
	}
}

static int put_date_letter(struct fmt_writer *w, char letter, const struct moment *m)
{
	const struct tm *tm = &m->tm;
	long long year = tm->tm_year + 1900LL, iso_year;
	int week = iso_week(tm, &iso_year);

	switch (letter) {
	case 'Y':
		put_padded(w, year, 4, '0');
		break;
	case 'y':
		put_padded(w, (year < 0 ? -year : year) % 100, 2, '0');
		break;
	case 'C':
		put_century(w, year);
		break;
	case 'G':
		put_padded(w, iso_year, 4, '0');
		break;
	case 'g':
		put_padded(w, (iso_year < 0 ? -iso_year : iso_year) % 100, 2, '0');
		break;
	case 'V':
		put_padded(w, week, 2, '0');
		break;
	case 'U':
		put_padded(w, (tm->tm_yday + WEEK - tm->tm_wday) / WEEK, 2, '0');
		break;
	case 'W':
		put_padded(w, (tm->tm_yday + WEEK - (tm->tm_wday + 6) % WEEK) / WEEK, 2, '0');
		break;
	case 'j':
		put_padded(w, tm->tm_yday + 1, 3, '0');
		break;
	case 'm':
		put_padded(w, tm->tm_mon + 1, 2, '0');
		break;
	case 'd':
		put_padded(w, tm->tm_mday, 2, '0');
		break;
	case 'e':
		put_padded(w, tm->tm_mday, 2, ' ');
		break;
	default:
		return 1;
	}
	return 0;
}

static int put_letter(struct fmt_writer *w, char letter, const struct moment *m)
{
	const struct tm *tm = &m->tm;

	switch (letter) {
	case 'a':
		fmt_put_bytes(w, weekdays[tm->tm_wday], 3);
		break;
	case 'A':
		put_name(w, weekdays[tm->tm_wday]);
		break;
	case 'b':
	case 'h':
		fmt_put_bytes(w, months[tm->tm_mon], 3);
		break;
	case 'B':
		put_name(w, months[tm->tm_mon]);
		break;
	case 'w':
		put_padded(w, tm->tm_wday, 1, '0');
		break;
	case 'u':
		put_padded(w, tm->tm_wday ? tm->tm_wday : WEEK, 1, '0');
		break;
	case 'H':
		put_padded(w, tm->tm_hour, 2, '0');
		break;
	case 'I':
		put_padded(w, (tm->tm_hour + 11) % 12 + 1, 2, '0');
		break;
	case 'M':
		put_padded(w, tm->tm_min, 2, '0');
		break;
	case 'S':
		put_padded(w, tm->tm_sec, 2, '0');
		put_fraction(w, m);
		break;
	case 'p':
		put_name(w, tm->tm_hour < 12 ? "AM" : "PM");
		break;
	case 'z':
		put_zone(w, tm);
		break;
	case 'Z':
		put_name(w, tm->tm_zone ? tm->tm_zone : "");
		break;
	case 'n':
		fmt_put_char(w, '\n');
		break;
	case 't':
		fmt_put_char(w, '\t');
		break;
	case '%':
		fmt_put_char(w, '%');
		break;
	default:
		return put_date_letter(w, letter, m);
	}
	return 0;
}

/* %E and %O ask for another locale's forms; the C locale has none. */
static bool takes_modifier(char modifier, char letter)
{
	return letter && strchr(modifier == 'E' ? "YyCcxX" : "ymUWVdewuHIMS", letter);
}

static int put_moment(struct fmt_writer *w, const struct moment *m);

/* What stands behind a '%'. */
static int put_conversion(struct fmt_writer *w, const struct moment *m)
{
	char modifier = peek(w);
	struct fmt_input saved;
	const char *longer;

	if (modifier == 'E' || modifier == 'O') {
		w->in.p++;
		if (!takes_modifier(modifier, peek(w)))
			return fmt_wrong(w, "no such letter behind %E or %O");
	}
	longer = expansion(peek(w));
	if (!longer)
		return put_letter(w, peek(w), m) ? fmt_wrong(w, "no such letter behind '%'") : 0;
	saved = w->in;
	w->in.p = longer;
	w->in.end = longer + strlen(longer);
	put_moment(w, m);
	w->in = saved;
	return 0;
}

/* Writes from the format at hand up to its end or a brace. */
static int put_moment(struct fmt_writer *w, const struct moment *m)
{
	for (; peek(w) && peek(w) != '}'; w->in.p++) {
		int r;

		if (peek(w) != '%') {
			fmt_put_char(w, peek(w));
			continue;
		}
		w->in.p++;
		r = put_conversion(w, m);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A width has to be known first: then the text is made a first time for its length. */
static int put_in_field(struct fmt_writer *w, const struct fmt_spec *spec, const struct moment *m)
{
	struct fmt_writer nowhere = {.in = w->in};
	size_t bytes, right;
	int r;

	if (spec->width == 0)
		return put_moment(w, m);
	r = put_moment(&nowhere, m);
	bytes = (size_t)(nowhere.in.p - w->in.p);
	if (r < 0) {
		w->wrong = nowhere.wrong;
		return r;
	}
	right = fmt_put_left(w, spec, '<',
	                     nowhere.length - (bytes - fmt_text_columns(w->in.p, bytes)));
	put_moment(w, m);
	fmt_put_fill(w, spec, right);
	return 0;
}

int fmt_put_time(struct fmt_writer *w, const struct fmt_arg *arg)
{
	struct moment m = {.ns = -1, .decimals = NS_DIGITS};
	struct fmt_spec spec = FMT_SPEC_NONE;
	struct fmt_input saved;
	int r = fmt_spec_layout(w, &spec);

	if (r == 0)
		r = fmt_spec_width(w, &spec);
	if (r == 0 && arg->type == FMT_TYPE_TIMESPEC)
		r = fmt_spec_precision(w, &spec);
	if (r < 0)
		return r;
	if (spec.precision > NS_DIGITS)
		return fmt_wrong(w, "a time has up to 9 decimals");
	if (spec.precision >= 0)
		m.decimals = spec.precision;
	if (arg->type == FMT_TYPE_TIMESPEC)
		r = set_moment(w, &arg->value.time, &m);
	else if (!arg->value.tm || !is_valid(arg->value.tm))
		r = fmt_wrong(w, "time is out of range");
	else
		m.tm = *arg->value.tm;
	if (r < 0)
		return r;
	saved = w->in;
	if (!peek(w) || peek(w) == '}') {
		w->in.p = "%F %T";
		w->in.end = w->in.p + strlen(w->in.p);
		r = put_in_field(w, &spec, &m);
		w->in = saved;
		return r;
	}
	return put_in_field(w, &spec, &m);
}
