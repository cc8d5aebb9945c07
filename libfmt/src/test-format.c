/* What the format language makes of arguments: fields, specs, types. */
#include "libfmt/fmt.h"
#include "test.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct point {
	int x, y;
};

/* Understands "" and "r" with the format of the numbers behind it. */
static int point_format(struct fmt_writer *w, const char *spec, size_t length, const void *object)
{
	const struct point *p = object;
	int r;

	if (length == 0)
		return fmt_put(w, "({}, {})", p->x, p->y);
	if (*spec != 'r')
		return -EINVAL;
	r = fmt_put_field(w, spec + 1, length - 1, FMT_ARG(p->x));
	fmt_put_bytes(w, "/", 1);
	return r < 0 ? r : fmt_put_field(w, spec + 1, length - 1, FMT_ARG(p->y));
}

static struct fmt_arg point_arg(const struct point *p)
{
	return fmt_user(p, point_format);
}

#undef FMT_USER_TYPES
#define FMT_USER_TYPES , struct point * : point_arg, const struct point * : point_arg

#define CHECK_FORMAT(want_, ...)                                                                   \
	do {                                                                                       \
		char text_[512];                                                                   \
		int length_ = fmt_format(text_, sizeof(text_), __VA_ARGS__);                       \
		CHECK_STR(text_, want_);                                                           \
		CHECK_EQ(length_, strlen(want_));                                                  \
	} while (0)

#define CHECK_WRONG(position_, ...)                                                                \
	do {                                                                                       \
		struct fmt_error error_ = {0};                                                     \
		CHECK_EQ(fmt_check(&error_, __VA_ARGS__), -EINVAL);                                \
		CHECK_EQ(error_.position, position_);                                              \
		CHECK(error_.reason);                                                              \
	} while (0)

TEST(text_and_braces)
{
	CHECK_FORMAT("", "");
	CHECK_FORMAT("plain", "plain");
	CHECK_FORMAT("{1}", "{{{}}}", 1);
	CHECK_FORMAT("%d", "%d");
}

TEST(types_are_captured)
{
	bool yes = true;
	char c = 'c';
	signed char sc = -1;
	unsigned char uc = 255;
	short s = -2;
	unsigned short us = 65535;
	const volatile int cv = 7;
	void *null = NULL;
	char array[] = "array";
	const char *none = NULL;

	CHECK_FORMAT("true c -1 255 -2 65535 7", "{} {} {} {} {} {} {}", yes, c, sc, uc, s, us, cv);
	CHECK_FORMAT("-1 1 -2 2 -3 3", "{} {} {} {} {} {}", -1, 1u, -2l, 2ul, -3ll, 3ull);
	CHECK_FORMAT("-9223372036854775808 18446744073709551615", "{} {}", LLONG_MIN, ULLONG_MAX);
	CHECK_FORMAT("340282366920938463463374607431768211455", "{}", ~(fmt_uint128)0);
	CHECK_FORMAT("-170141183460469231731687303715884105728", "{}",
	             (fmt_int128)((fmt_uint128)1 << 127));
	CHECK_FORMAT("0x0 array literal (null)", "{} {} {} {}", null, array, "literal", none);
	CHECK_FORMAT("(nul", "{:.4}", "(nul");
	CHECK_FORMAT("a|b", "{}", fmt_bytes("a|bc", 3));
}

TEST(many_arguments)
{
	CHECK_FORMAT("0123456789abcdefghijklmnopqrstuv",
	             "{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}", 0, 1, 2, 3,
	             4, 5, 6, 7, 8, 9, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
	             "m", "n", "o", "p", "q", "r", "s", "t", "u", "v");
	CHECK_FORMAT("7 of 12", "{} of {}", fmt_format(NULL, 0, "{:{}}", 1, 7), 12);
	CHECK_FORMAT("in out", "{1} {0}", "out", fmt_bytes("inner", 2));
}

TEST(arguments_are_evaluated_once)
{
	int first = 0, second = 0;

	CHECK_FORMAT("1 1", "{} {}", ++first, ++second);
	CHECK_EQ(first, 1);
	CHECK_EQ(second, 1);
}

TEST(references)
{
	CHECK_FORMAT("b a b", "{1} {0} {1}", "a", "b");
	CHECK_FORMAT("1 2", "{x} {y_2}", fmt_named("y_2", 2), fmt_named("x", 1));
	CHECK_FORMAT("1 2 3", "{} {x} {}", 1, 3, fmt_named("x", 2));
	CHECK_FORMAT("    7|  7", "{:{}}|{:{}}", 7, 5, 7, 3);
	CHECK_FORMAT("3.14", "{:.{digits}f}", 3.14159, fmt_named("digits", 2));
	CHECK_FORMAT("ab  |", "{0:{2}.{1}}|", "abcdef", 2, 4);
}

TEST(layout)
{
	CHECK_FORMAT("  a|a  | a |**a", "{:>3}|{:<3}|{:^3}|{:*>3}", "a", "a", "a", "a");
	CHECK_FORMAT("  1|1  | 1 |001|-01|0x1", "{:3}|{:<3}|{:^3}|{:03}|{:03}|{:#x}", 1, 1, 1, 1,
	             -1, 1);
	CHECK_FORMAT("€€1|漢  |é ", "{:€>3}|{:4}|{:2}", 1, "漢", "é");
	CHECK_FORMAT("+1 -1  1 1", "{:+} {:+} {: } {:-}", 1, -1, 1, 1);
	CHECK_FORMAT("0b101 0B101 05 0 0xff 0XFF", "{:#b} {:#B} {:#o} {:#o} {:#x} {:#X}", 5, 5, 5,
	             0, 255, 255);
	CHECK_FORMAT("A é x", "{:c} {:.1} {:s}", 65, "éa", "x");
}

TEST(escapes)
{
	char quote = '\'', newline = '\n';

	CHECK_FORMAT("\"a\\n\\t\\\"'\\\\\"", "{:?}", "a\n\t\"'\\");
	CHECK_FORMAT("'\\'' '\\n'", "{:?} {:?}", quote, newline);
	CHECK_FORMAT("\"\\x01\\x7f\\u200b\\U000e0001\\xff\"", "{:?}",
	             "\x01\x7f\u200b\U000e0001\xff");
	CHECK_FORMAT("\"é漢\" |", "{:?} |", "é漢");
	CHECK_FORMAT("\"漢\\n\"  |", "{:8?}|", "漢\n"); /* six columns */
}

TEST(arrays)
{
	int ints[] = {1, 2, 3};
	short shorts[] = {-1, 1};
	unsigned char bytes[] = {0xde, 0xad};
	double doubles[] = {0.5, 1e20};
	float floats[] = {0.1f};
	const char *const texts[] = {"a", "b\n"};
	bool bools[] = {true, false};

	CHECK_FORMAT("[1, 2, 3] 1, 2, 3", "{} {:n}", fmt_array(ints), fmt_array(ints));
	CHECK_FORMAT("[-1, 1] [de, ad]", "{} {::02x}", fmt_array(shorts), fmt_array(bytes));
	CHECK_FORMAT("[0.5, 1e+20] [0.1]", "{} {}", fmt_array(doubles), fmt_array(floats));
	CHECK_FORMAT("[\"a\", \"b\\n\"] [a, b\n]", "{} {::}", fmt_array(texts), fmt_array(texts));
	CHECK_FORMAT("[true, false] [1]", "{} {}", fmt_array(bools), fmt_array_n(ints, 1));
	CHECK_FORMAT("[]", "{}", fmt_array_n(ints, 0));
	CHECK_FORMAT("[  1,   2,   3]", "{::{}}", fmt_array(ints), 3);
}

TEST(user_types)
{
	struct point p = {1, -2};

	CHECK_FORMAT("(1, -2)", "{}", &p);
	CHECK_FORMAT("01/-2 3", "{:r02} {}", &p, 3);
	CHECK_FORMAT("  1/  -2 5", "{:r{}} {}", &p, 3, 4, 5);
	CHECK_WRONG(4, "ab{:x}", &p);
	CHECK_WRONG(2, "{:rx?}", &p);
}

TEST(wrong_formats)
{
	CHECK_WRONG(2, "ab}", 1);
	CHECK_WRONG(1, "{", 1);
	CHECK_WRONG(2, "{:", 1);
	CHECK_WRONG(1, "{}");
	CHECK_WRONG(3, "{}{1}", 1, 2);
	CHECK_WRONG(4, "{0}{}", 1, 2);
	CHECK_WRONG(1, "{x}", fmt_named("y", 1));
	CHECK_WRONG(2, "{0 }", 1);
	CHECK_WRONG(3, "{:y}", 1);
	CHECK_WRONG(3, "{:s}", 1);
	CHECK_WRONG(3, "{:d}", "text");
	CHECK_WRONG(3, "{:+}", "text");
	CHECK_WRONG(3, "{:+}", 1u);
	CHECK_WRONG(4, "{:.3}", 1);
	CHECK_WRONG(3, "{:.}", 1.0);
	CHECK_WRONG(3, "{:L}", 1);
	CHECK_WRONG(3, "{:{}}", 1, -1);
	CHECK_WRONG(3, "{:{}}", 1, "1");
	CHECK_WRONG(3, "{:{}}", 1, 1u << 31);
	CHECK_WRONG(3, "{:c}", 256);
	CHECK_WRONG(2, "{:{<3}", 1);
	CHECK_WRONG(11, "{:99999999999}", 1);
	CHECK_WRONG(2, "{:x}", fmt_array_n((int *)NULL, 0));
}

TEST(longer_than_an_int)
{
	struct fmt_error error = {0};
	char text[8];

	CHECK_EQ(fmt_format(text, sizeof(text), "{:2147483647}{:1}", 1, 1), -EOVERFLOW);
	CHECK_STR(text, "");
	CHECK_EQ(fmt_format(text, sizeof(text), "{:2147483647}", 1), INT_MAX);
	CHECK_STR(text, "       ");
	CHECK_EQ(fmt_format(text, sizeof(text), "{:.2147483640f}", 0.5), INT_MAX - 5);
	CHECK_EQ(fmt_check(&error, "{:2147483647}{:1}", 1, 1), -EOVERFLOW);
	CHECK_STR(error.reason, "the text is too long");
}
