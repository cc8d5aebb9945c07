/*
 * Decimal digits come from the C library, which rounds them exactly: printf's
 * %e gives any number of them, and reading them back tells how few are enough.
 * At most 767 are asked for, all that a double can have: the C library then
 * needs no heap, and neither do we.
 */
#include "internal.h"
#include "os.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

enum {
	DIGITS_MAX = 767,
	TEXT_SIZE = DIGITS_MAX + 32, /* digits, sign, radix character, exponent */
	/* No number of up to 113 bits is closer to a power of ten without being one. */
	DIGITS_ESTIMATE = 40,
	HEX_DIGITS_MAX = 30, /* more than any mantissa has */
};

/* 0.DIGITS * 10^point */
struct decimal {
	char digits[DIGITS_MAX];
	int count;
	int point;
};

/* The radix character is the locale's and may have several bytes: step over it. */
static void decimal_read(struct decimal *ret, const char *text, int count)
{
	const char *exponent = strchr(text, 'e');

	ret->digits[0] = text[0];
	memcpy(ret->digits + 1, exponent - (count - 1), (size_t)(count - 1));
	ret->count = count;
	ret->point = text[0] == '0' ? 1 : atoi(exponent + 1) + 1;
}

/* The first @count digits, rounded. */
static void decimal_significant(struct decimal *ret, long double value, int count)
{
	char text[TEXT_SIZE];

	if (count > DIGITS_MAX)
		count = DIGITS_MAX;
	snprintf(text, sizeof(text), "%.*Le", count - 1, value);
	decimal_read(ret, text, count);
}

static void decimal_strip(struct decimal *d)
{
	while (d->count > 1 && d->digits[d->count - 1] == '0')
		d->count--;
}

/* Rounded to @precision digits behind the point, half to even. */
static void decimal_fixed(struct decimal *ret, long double value, int precision)
{
	long long count;
	bool up;

	decimal_significant(ret, value, DIGITS_ESTIMATE);
	count = (long long)ret->point + precision;
	if (count > 0) {
		decimal_significant(ret, value, count > DIGITS_MAX ? DIGITS_MAX : (int)count);
		return;
	}
	decimal_significant(ret, value, DIGITS_MAX);
	decimal_strip(ret);
	up = count == 0 && (ret->digits[0] > '5' || (ret->digits[0] == '5' && ret->count > 1));
	ret->digits[0] = '1';
	ret->count = up;
	ret->point = up ? 1 - precision : 0;
}

static bool reads_back(const char *text, long double value, size_t size)
{
	if (size == sizeof(float))
		return strtof(text, NULL) == (float)value;
	if (size == sizeof(double))
		return strtod(text, NULL) == (double)value;
	return strtold(text, NULL) == value;
}

/* One more in the last digit. */
static void text_next(char *text)
{
	for (char *p = strchr(text, 'e') - 1; p >= text; p--) {
		if (*p == '9') {
			*p = '0';
		} else if (*p >= '0' && *p <= '8') {
			++*p;
			return;
		}
	}
}

/*
 * The shortest digits that read back as the same value, and of those the
 * nearest. Any decimal of @least digits survives its way through the type, so
 * with just that many the shorter ones show up as zeros at the end; subnormal
 * numbers carry less. Below a power of two neighbours are closer than above:
 * there the rounded digits may fail and the next higher ones succeed.
 */
static void decimal_shortest(struct decimal *ret, long double value, size_t size)
{
	bool is_float = size == sizeof(float), is_double = size == sizeof(double);
	int least = is_float ? FLT_DIG : is_double ? DBL_DIG : LDBL_DIG;
	int most = is_float ? FLT_DECIMAL_DIG : is_double ? DBL_DECIMAL_DIG : LDBL_DECIMAL_DIG;
	long double normal = is_float ? FLT_MIN : is_double ? DBL_MIN : LDBL_MIN;
	char text[TEXT_SIZE];
	int saved = errno; /* strtod() says ERANGE for subnormals */

	for (int count = value < normal ? 1 : least;; count++) {
		snprintf(text, sizeof(text), "%.*Le", count - 1, value);
		if (count < most && !reads_back(text, value, size)) {
			text_next(text);
			if (!reads_back(text, value, size))
				continue;
		}
		decimal_read(ret, text, count);
		break;
	}
	decimal_strip(ret);
	errno = saved;
}

/* @count digits from index @from on; there are zeros on both sides of those we have. */
static void put_digits(struct fmt_writer *w, const struct decimal *d, int from, int count)
{
	int before = from < 0 ? (count < -from ? count : -from) : 0, have;

	fmt_put_zeros(w, (size_t)before);
	from += before;
	count -= before;
	have = from < d->count ? d->count - from : 0;
	if (have > count)
		have = count;
	fmt_put_bytes(w, d->digits + (have ? from : 0), (size_t)have);
	fmt_put_zeros(w, (size_t)(count - have));
}

/* Sign, left padding; returns the right padding. */
static size_t put_start(struct fmt_writer *w, const struct fmt_spec *spec, char sign,
                        size_t columns)
{
	size_t right;

	if (sign && spec->align == '0')
		fmt_put_char(w, sign);
	right = fmt_put_left(w, spec, '>', columns + !!sign);
	if (sign && spec->align != '0')
		fmt_put_char(w, sign);
	return right;
}

static void put_exponential(struct fmt_writer *w, const struct fmt_spec *spec, char sign,
                            const struct decimal *d, int fraction)
{
	bool dot = fraction > 0 || spec->alternate;
	char exponent[16];
	int length = snprintf(exponent, sizeof(exponent), "%c%+03d",
	                      spec->type == 'E' || spec->type == 'G' ? 'E' : 'e', d->point - 1);
	size_t right = put_start(w, spec, sign, 1 + dot + (size_t)fraction + (size_t)length);

	put_digits(w, d, 0, 1);
	if (dot)
		fmt_put_char(w, '.');
	put_digits(w, d, 1, fraction);
	fmt_put_bytes(w, exponent, (size_t)length);
	fmt_put_fill(w, spec, right);
}

static void put_positional(struct fmt_writer *w, const struct fmt_spec *spec, char sign,
                           const struct decimal *d, int fraction)
{
	bool dot = fraction > 0 || spec->alternate;
	int whole = d->point > 0 ? d->point : 1;
	size_t right = put_start(w, spec, sign, (size_t)whole + dot + (size_t)fraction);

	put_digits(w, d, d->point - whole, whole);
	if (dot)
		fmt_put_char(w, '.');
	put_digits(w, d, d->point, fraction);
	fmt_put_fill(w, spec, right);
}

static int at_least(int number, int least)
{
	return number > least ? number : least;
}

static void put_general(struct fmt_writer *w, const struct fmt_spec *spec, char sign,
                        long double value, size_t size)
{
	int precision = spec->precision >= 0 ? at_least(spec->precision, 1) : spec->type ? 6 : -1;
	struct decimal d;
	int digits;

	if (precision < 0)
		decimal_shortest(&d, value, size);
	else
		decimal_significant(&d, value, precision);
	if (!spec->alternate)
		decimal_strip(&d);
	digits = spec->alternate && precision > 0 ? precision : d.count;
	if (d.point < -3 || d.point > (precision > 0 ? precision : 16))
		put_exponential(w, spec, sign, &d, digits - 1);
	else
		put_positional(w, spec, sign, &d, at_least(digits - d.point, spec->alternate));
}

/*
 * The C library is asked for no more digits than there are, so that the text
 * stays short: "0x1", radix character, digits, "p", exponent.
 */
static void put_hex(struct fmt_writer *w, const struct fmt_spec *spec, char sign, long double value,
                    size_t size)
{
	int precision = spec->precision < HEX_DIGITS_MAX ? spec->precision : HEX_DIGITS_MAX;
	size_t zeros = spec->precision > precision ? (size_t)(spec->precision - precision) : 0;
	char text[TEXT_SIZE];
	size_t exponent, fraction, right;
	bool dot;

	if (size > sizeof(double))
		snprintf(text, sizeof(text), spec->type == 'A' ? "%.*LA" : "%.*La", precision,
		         value);
	else
		snprintf(text, sizeof(text), spec->type == 'A' ? "%.*A" : "%.*a", precision,
		         (double)value);
	exponent = strcspn(text, "pP");
	for (fraction = exponent; fraction > 3 && isxdigit(text[fraction - 1]);)
		fraction--;
	dot = exponent > 3 || spec->alternate;
	right = put_start(w, spec, sign,
	                  3 + dot + (exponent - fraction) + zeros + strlen(text + exponent));
	fmt_put_bytes(w, text, 3);
	if (dot)
		fmt_put_char(w, '.');
	fmt_put_bytes(w, text + fraction, exponent - fraction);
	fmt_put_zeros(w, zeros);
	fmt_put_bytes(w, text + exponent, strlen(text + exponent));
	fmt_put_fill(w, spec, right);
}

/* Zeros before "inf" would make a number of it. */
static void put_nonfinite(struct fmt_writer *w, const struct fmt_spec *spec, char sign,
                          long double value)
{
	bool upper = spec->type && strchr("AEFG", spec->type);
	struct fmt_spec plain = *spec;
	char text[5] = {sign};

	strcpy(text + !!sign, isnan(value) ? (upper ? "NAN" : "nan") : upper ? "INF" : "inf");
	if (plain.fill[0] == '0')
		plain.fill[0] = ' ';
	fmt_put_text(w, &plain, '<', text, strlen(text));
}

void fmt_put_float(struct fmt_writer *w, const struct fmt_spec *spec, long double value,
                   size_t size)
{
	char sign = spec->sign == '-' ? 0 : spec->sign;
	int precision = spec->precision < 0 ? 6 : spec->precision;
	struct decimal d;

	if (signbit(value)) {
		sign = '-';
		value = -value;
	}
	if (!isfinite(value)) {
		put_nonfinite(w, spec, sign, value);
		return;
	}
	switch (spec->type) {
	case 'a':
	case 'A':
		put_hex(w, spec, sign, value, size);
		break;
	case 'e':
	case 'E':
		decimal_significant(&d, value, precision < DIGITS_MAX ? precision + 1 : DIGITS_MAX);
		put_exponential(w, spec, sign, &d, precision);
		break;
	case 'f':
	case 'F':
		decimal_fixed(&d, value, precision);
		put_positional(w, spec, sign, &d, precision);
		break;
	default:
		put_general(w, spec, sign, value, size);
	}
}
