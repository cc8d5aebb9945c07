/*
 * Asks {fmt} and libfmt the same questions: formats made by a grammar, many of
 * them broken afterwards, with arguments of all types. Both must refuse, or
 * both give the same bytes. What we do differently on purpose is left out by
 * differs(); README.md has the reasons.
 *
 * usage: differential [pairs [seed]]
 */
#include "libfmt/fmt.h"

#include <fmt/args.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {

struct random_source {
	uint64_t state;

	uint64_t bits()
	{
		uint64_t z = state += 0x9e3779b97f4a7c15;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
		return z ^ (z >> 31);
	}
	unsigned below(unsigned limit)
	{
		return static_cast<unsigned>(bits() % limit);
	}
	bool one_in(unsigned n)
	{
		return below(n) == 0;
	}
	char of(const char *set)
	{
		return set[below(static_cast<unsigned>(strlen(set)))];
	}
	template <typename T, size_t N> T of(const T (&list)[N])
	{
		return list[below(N)];
	}
};

/* The arguments of one question, in both forms, and what differs() wants to know. */
struct question {
	std::string format;
	std::vector<fmt_arg> ours;
	fmt::dynamic_format_arg_store<fmt::format_context> theirs;
	std::vector<std::string> kinds; /* letters that suit each argument */
	std::vector<std::string> names;
	std::deque<std::string> texts;
	std::deque<const char *> cstrings;
	std::vector<std::shared_ptr<void>> arrays;
	std::deque<tm> times;
	bool has_char = false, has_no_ascii = false, has_wide_int = false, has_no_byte = false;
	bool has_long_width = false, has_empty = false, has_long_double = false;
};

random_source rnd;

const char *const letters[] = {"a", "Z", "_", "9", "%", " ", "ä", "€", "漢", "🙂", "ñ", "é"};

std::string some_text(question &q, bool broken)
{
	std::string text;

	for (unsigned n = rnd.below(12); n > 0; n--) {
		switch (rnd.below(6)) {
		case 0:
			text += rnd.of(letters);
			break;
		case 1:
			text += rnd.of("\n\t\r\"'\\\x01\x7f{}");
			break;
		case 2:
			if (broken)
				text += static_cast<char>(rnd.below(256));
			break;
		default:
			text += static_cast<char>('a' + rnd.below(26));
		}
	}
	for (char c : text)
		q.has_no_ascii |= static_cast<unsigned char>(c) >= 0x80;
	return text;
}

/*
 * A byte that is no part of a character may become one with its neighbours, and
 * then one that only {fmt}'s tables know as unassigned.
 */
bool is_decodable_only_as_letters(const std::string &text)
{
	for (size_t i = 0; i < text.size();) {
		auto c = static_cast<unsigned char>(text[i]);
		size_t size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1, known = 0;

		for (const char *letter : letters) {
			if (text.compare(i, strlen(letter), letter) == 0)
				known = strlen(letter);
		}
		if (size > 1 && !known && i + 1 < text.size() && (text[i + 1] & 0xc0) == 0x80)
			return false;
		i += known ? known : 1;
	}
	return true;
}

double some_double()
{
	static const double special[] = {0.0,
	                                 -0.0,
	                                 INFINITY,
	                                 -INFINITY,
	                                 NAN,
	                                 -NAN,
	                                 0.5,
	                                 1.5,
	                                 2.5,
	                                 0.1,
	                                 0.25,
	                                 1e16,
	                                 1e15,
	                                 123456789012345678.0,
	                                 1e-4,
	                                 1e-5,
	                                 9.5,
	                                 99.5,
	                                 0.05,
	                                 0.95,
	                                 999999.5,
	                                 9999995e-1,
	                                 5e-324,
	                                 1.7976931348623157e308,
	                                 2.2250738585072014e-308,
	                                 1e23};
	union {
		uint64_t bits;
		double value;
	} raw = {rnd.bits()};

	switch (rnd.below(6)) {
	case 0:
		return rnd.of(special);
	case 1:
		return raw.value;
	case 2:
		return std::ldexp(1.0, static_cast<int>(rnd.below(2098)) - 1074);
	case 3:
		return std::pow(10.0, static_cast<int>(rnd.below(40)) - 20);
	case 4:
		return static_cast<double>(static_cast<int>(rnd.below(200001)) - 100000) / 8.0;
	default:
		return static_cast<double>(static_cast<int64_t>(rnd.bits() >> rnd.below(64))) /
		       std::pow(10.0, static_cast<int>(rnd.below(12)));
	}
}

float some_float()
{
	union {
		uint32_t bits;
		float value;
	} raw = {static_cast<uint32_t>(rnd.bits())};

	switch (rnd.below(3)) {
	case 0:
		return raw.value;
	case 1:
		return std::ldexp(1.0f, static_cast<int>(rnd.below(277)) - 149);
	default:
		return static_cast<float>(some_double());
	}
}

long double some_long_double()
{
	int exponent;
	long double value = some_double();

	if (rnd.one_in(2))
		value = std::ldexp(static_cast<long double>(rnd.bits()) * (rnd.one_in(2) ? 1 : -1),
		                   static_cast<int>(rnd.below(400)) - 264);
	/* Of a power of two {fmt} gives digits that read back as its neighbour. */
	return std::frexp(std::fabs(value), &exponent) == 0.5L ? 3 * value : value;
}

template <typename T> T some_int()
{
	switch (rnd.below(5)) {
	case 0:
		return std::numeric_limits<T>::max();
	case 1:
		return std::numeric_limits<T>::min();
	case 2:
		return static_cast<T>(rnd.below(100));
	default:
		return static_cast<T>(
			(static_cast<unsigned __int128>(rnd.bits()) << 64 | rnd.bits()) >>
			rnd.below(128));
	}
}

template <typename T> void note_int(question &q, T value)
{
	q.has_no_byte |= value < 0 || static_cast<unsigned __int128>(value) > 255;
	q.has_long_width |= value > 700;
	q.has_wide_int |= value > 0 && static_cast<unsigned __int128>(value) >> 31 != 0;
}

template <typename T> void push(question &q, const T &value, fmt_arg ours, const char *kind)
{
	static const char *const names[] = {"a", "width", "x_1", "_", "A9"};

	if (q.names.size() < 5 && rnd.one_in(4)) {
		const char *name = names[q.names.size()];

		q.names.push_back(name);
		q.theirs.push_back(fmt::arg(name, value));
		q.ours.push_back(fmt_arg_named(name, ours));
	} else {
		q.theirs.push_back(value);
		q.ours.push_back(ours);
	}
	q.kinds.push_back(kind);
}

template <typename T> void push_int(question &q)
{
	T value = some_int<T>();

	note_int(q, value);
	if (std::numeric_limits<T>::min() == 0 || static_cast<T>(-1) > 0)
		push(q, value, fmt_arg_uint(value), "ubBdoxX");
	else
		push(q, value, fmt_arg_int(value), "ibBdoxX");
}

template <typename C> void push_array(question &q, C values, fmt_type type, const char *kind)
{
	using T = typename C::value_type;
	std::shared_ptr<T> flat(new T[values.size() + 1], std::default_delete<T[]>());

	std::copy(values.begin(), values.end(), flat.get());
	q.arrays.push_back(flat);
	q.has_empty |= values.empty();
	q.theirs.push_back(values);
	q.ours.push_back(fmt_arg_array(flat.get(), values.size(), static_cast<unsigned char>(type),
	                               sizeof(T)));
	q.kinds.push_back(kind);
}

template <typename T> void push_ints(question &q)
{
	std::vector<T> values(rnd.below(5));

	for (T &value : values) {
		value = some_int<T>();
		note_int(q, value);
	}
	if (static_cast<T>(-1) > 0)
		push_array(q, values, FMT_TYPE_UINT, "[ubBdoxX");
	else
		push_array(q, values, FMT_TYPE_INT, "[ibBdoxX");
}

void push_some_array(question &q)
{
	unsigned count = rnd.below(5);
	std::vector<double> doubles(count);
	std::vector<float> floats(count);
	std::vector<char> chars(count);
	std::deque<bool> bools(count);
	std::vector<const char *> texts(count);

	switch (rnd.below(9)) {
	case 0:
		return push_ints<int>(q);
	case 1:
		return push_ints<unsigned char>(q);
	case 2:
		return push_ints<short>(q);
	case 3:
		return push_ints<unsigned long>(q);
	case 4:
		for (double &value : doubles)
			value = some_double();
		return push_array(q, doubles, FMT_TYPE_FLOAT, "[faAeEfFgG");
	case 5:
		for (float &value : floats)
			value = some_float();
		return push_array(q, floats, FMT_TYPE_FLOAT, "[faAeEfFgG");
	case 6:
		q.has_char = true;
		for (char &value : chars)
			value = static_cast<char>(rnd.below(256));
		return push_array(q, chars, FMT_TYPE_CHAR, "[ic?bBdoxX");
	case 7:
		for (bool &value : bools)
			value = rnd.one_in(2);
		return push_array(q, bools, FMT_TYPE_BOOL, "[usbBdoxX");
	default:
		for (const char *&value : texts) {
			q.texts.push_back(some_text(q, false));
			value = q.texts.back().c_str();
		}
		return push_array(q, texts, FMT_TYPE_CSTRING, "[ss?p");
	}
}

void push_some(question &q)
{
	switch (rnd.below(20)) {
	case 0: {
		bool value = rnd.one_in(2);
		return push(q, value, fmt_arg_bool(value), "usbBcdoxX");
	}
	case 1: {
		char value = static_cast<char>(rnd.below(256));
		q.has_char = true;
		return push(q, value, fmt_arg_char(value), "ic?bBdoxX");
	}
	case 2:
		return push_int<signed char>(q);
	case 3:
		return push_int<unsigned char>(q);
	case 4:
		return push_int<short>(q);
	case 5:
		return push_int<unsigned short>(q);
	case 6:
		return push_int<unsigned>(q);
	case 7:
		return push_int<long>(q);
	case 8:
		return push_int<unsigned long long>(q);
	case 9:
		return push_int<__int128>(q);
	case 10:
		return push_int<unsigned __int128>(q);
	case 11: {
		float value = some_float();
		return push(q, value, fmt_arg_float(value), "faAeEfFgG");
	}
	case 12:
	case 13: {
		double value = some_double();
		return push(q, value, fmt_arg_double(value), "faAeEfFgG");
	}
	case 14: {
		long double value = some_long_double();
		q.has_long_double = true;
		return push(q, value, fmt_arg_ldouble(value), "faAeEfFgG");
	}
	case 15:
		q.texts.push_back(some_text(q, false));
		q.cstrings.push_back(q.texts.back().c_str());
		q.theirs.push_back(std::cref(q.cstrings.back()));
		q.ours.push_back(fmt_arg_string(q.cstrings.back()));
		q.kinds.push_back("ss?p");
		return;
	case 16: {
		std::string text;
		do
			text = some_text(q, true);
		while (!is_decodable_only_as_letters(text));
		q.texts.push_back(text);
		return push(q, fmt::string_view(q.texts.back()),
		            fmt_bytes(q.texts.back().data(), text.size()), "ss?");
	}
	case 17: {
		const void *value = reinterpret_cast<const void *>(rnd.bits() >> rnd.below(64));
		return push(q, value, fmt_arg_pointer(value), "pp");
	}
	case 18:
		return push_some_array(q);
	default: {
		int value = static_cast<int>(rnd.below(40)); /* wanted as widths */
		note_int(q, value);
		return push(q, value, fmt_arg_int(value), "ibBcdoxX");
	}
	}
}

std::string reference(const question &q, bool manual)
{
	if (!q.names.empty() && rnd.one_in(4))
		return q.names[rnd.below(static_cast<unsigned>(q.names.size()))];
	return manual ? std::to_string(rnd.below(static_cast<unsigned>(q.ours.size()))) : "";
}

std::string number(const question &q, bool manual)
{
	if (rnd.one_in(5))
		return "{" + reference(q, manual) + "}";
	return std::to_string(rnd.below(rnd.one_in(10) ? 300 : 25));
}

/* @kind: a letter for the family, then type letters; most of what comes out is right. */
std::string spec_for(const question &q, const std::string &kind, bool manual)
{
	static const char *const fills[] = {"*", " ", "0", "x", "ä", "漢", "🙂", "<", ":", "+"};
	bool is_number = strchr("iuf", kind[0]);
	std::string spec;
	char type = rnd.one_in(2) ? rnd.of(kind.c_str() + 1) : '\0';

	if (rnd.one_in(3)) {
		if (rnd.one_in(2))
			spec += rnd.of(fills);
		spec += rnd.of("<>^");
	}
	if (strchr("if", kind[0]) && rnd.one_in(3))
		spec += rnd.of("+- ");
	if (is_number && rnd.one_in(3))
		spec += '#';
	if (is_number && rnd.one_in(3))
		spec += '0';
	if (rnd.one_in(2))
		spec += number(q, manual);
	if (strchr("fs", kind[0]) && rnd.one_in(2))
		spec += "." + number(q, manual);
	if (type)
		spec += type;
	if (rnd.one_in(25))
		spec += rnd.of("dsxcfp?n:");
	return spec;
}

std::string field(const question &q, size_t index, bool manual)
{
	std::string id = manual ? std::to_string(index) : "", kind = q.kinds[index];

	if (rnd.one_in(8)) {
		id = reference(q, manual);
		if (rnd.one_in(2))
			kind = q.kinds[rnd.below(static_cast<unsigned>(q.kinds.size()))];
	}
	if (rnd.one_in(5))
		return "{" + id + "}";
	if (kind[0] != '[')
		return "{" + id + ":" + spec_for(q, kind, manual) + "}";
	return "{" + id + ":" + (rnd.one_in(3) ? "n" : "") +
	       (rnd.one_in(3) ? "" : ":" + spec_for(q, kind.substr(1), manual)) + "}";
}

void damage(std::string &format)
{
	size_t at = rnd.below(static_cast<unsigned>(format.size() + 1));

	switch (rnd.below(3)) {
	case 0:
		if (rnd.one_in(10))
			format.insert(at, "99999999999");
		format.insert(at, 1, rnd.of("{}{}{}:.<>^+-# 0123456789xXdsfgen?acp_"));
		break;
	case 1:
		if (at < format.size())
			format.erase(at, 1);
		break;
	default:
		if (at < format.size())
			format[at] = rnd.of("{}{}{}:.<>^+-# 0123456789xXdsfgen?acp_");
	}
}

void make_format(question &q)
{
	bool manual = rnd.one_in(3);
	size_t index = 0;

	while (index < q.ours.size()) {
		switch (rnd.below(5)) {
		case 0:
			q.format += rnd.of(letters);
			break;
		case 1:
			q.format += rnd.one_in(2) ? "{{" : "}}";
			break;
		default:
			q.format += field(
				q, manual ? rnd.below(static_cast<unsigned>(q.ours.size())) : index,
				manual);
			index++;
		}
	}
	if (rnd.one_in(4))
		damage(q.format);
}

void make_time(question &q)
{
	tm time = {};
	time_t seconds = static_cast<time_t>(rnd.bits() % 700000000000) - 200000000000;

	gmtime_r(&seconds, &time);
	time.tm_gmtoff = static_cast<long>(rnd.below(86400)) - 43200;
	time.tm_zone = "CET";
	q.times.push_back(time);
	q.theirs.push_back(time);
	q.ours.push_back(fmt_arg_tm(&q.times.back()));
	q.format = rnd.one_in(2) ? "{:" : "{0:";
	for (unsigned n = 1 + rnd.below(4); n > 0; n--) {
		q.format += '%';
		if (rnd.one_in(6))
			q.format += rnd.of("EO");
		if (rnd.one_in(40))
			q.format += rnd.of("qQLksNi1}%");
		else if (time.tm_year < -1900) /* {fmt} counts no ISO weeks there */
			q.format += rnd.of("YyCaAwubhBmUWjdeHIMScxXDFrRTpzZnt%");
		else
			q.format += rnd.of("YyCGgaAwubhBmUWVjdeHIMScxXDFrRTpzZnt%");
		if (rnd.one_in(3))
			q.format += rnd.of(letters);
	}
	q.format += rnd.one_in(30) ? "" : "}";
}

bool is_utf8(const std::string &text)
{
	for (size_t i = 0; i < text.size(); i++) {
		auto c = static_cast<unsigned char>(text[i]);
		size_t tail = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (c >= 0x80 && c < 0xc0)
			return false;
		for (; tail > 0; tail--) {
			if (++i == text.size() || (text[i] & 0xc0) != 0x80)
				return false;
		}
	}
	return true;
}

size_t count_of(const std::string &text, const char *part)
{
	size_t count = 0;

	for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
		count++;
	return count;
}

/*
 * A dynamic_format_arg_store that holds a named argument lets through one index
 * too many, to memory behind its end.
 */
bool runs_past_store(const question &q)
{
	size_t count = q.ours.size();

	return !q.names.empty() && (count_of(q.format, "{}") + count_of(q.format, "{:") > count ||
	                            count_of(q.format, ("{" + std::to_string(count)).c_str()));
}

/* Where libfmt and {fmt} 9.1 go different ways on purpose, or {fmt} needs gigabytes. */
bool differs(const question &q)
{
	const std::string &f = q.format;
	bool nested = false;

	if (!is_utf8(f) || runs_past_store(q))
		return true;
	if (!q.times.empty())
		return false;
	for (size_t i = 0; i < f.size(); i++) {
		size_t open = f.rfind('{', i);
		std::string spec = open == std::string::npos ? "" : f.substr(open, i - open);

		if (f[i] == '}' && i > 0 && f[i - 1] == ':' && i + 1 < f.size() &&
		    strchr("<>^", f[i + 1]))
			return true; /* '}' as the fill */
		if (i > 0 && (f[i - 1] & 0x80) && strchr("<>^", f[i])) {
			size_t zero = f.find_first_not_of("+- #", i + 1);

			if (zero != std::string::npos && f[zero] == '0')
				return true; /* the first byte of a fill becomes '0' */
		}
		unsigned long long number = strtoull(f.c_str() + i, nullptr, 10);
		if (isdigit(f[i]) && number > 700 && number <= INT_MAX)
			return true; /* {fmt} ends floats after 767 digits; too wide */
		nested |= f[i] == '{' && i > 0 && f.find(':') < i;
		if ((f[i] == 'f' || f[i] == 'F') && q.has_long_double)
			return true; /* {fmt} gives wrong digits */
		if (f[i] == 'c' && q.has_no_byte)
			return true;
		if (f[i] == '?' && (spec.find('.') != std::string::npos || nested))
			return true; /* precision of escaped text */
		if (f[i] == '?' && (q.has_char || q.has_no_ascii) &&
		    spec.find_first_of("0123456789", 2) != std::string::npos)
			return true; /* width of escaped text */
	}
	return nested && (q.has_long_width || q.has_wide_int || q.has_empty);
}

bool ask(question &q, size_t &refused)
{
	static char text[1 << 20];
	char little[16];
	std::string theirs;
	bool theirs_ok = true;
	size_t size = rnd.below(sizeof(little) + 1);
	int length =
		fmt_vformat(text, sizeof(text), q.format.c_str(), q.ours.data(), q.ours.size());
	int again = fmt_vformat(little, size, q.format.c_str(), q.ours.data(), q.ours.size());

	try {
		theirs = fmt::vformat(q.format, q.theirs);
	} catch (const fmt::format_error &error) {
		theirs_ok = false;
		theirs = error.what();
	}
	refused += !theirs_ok;
	if (!theirs_ok && length == -EINVAL && again == length)
		return true;
	if (theirs_ok && length >= 0 && again == length &&
	    theirs == std::string(text, static_cast<size_t>(length))) {
		size_t cut = std::min(size ? size - 1 : 0, theirs.size());

		if (size == 0 || (little[cut] == 0 && theirs.compare(0, cut, little, cut) == 0))
			return true;
	}
	fmt::print("# format: {:?}\n# {{fmt}}:  {} {:?}\n# libfmt: {} {:?}\n", q.format, theirs_ok,
	           theirs, length, std::string(text));
	return false;
}

} // namespace

int main(int argc, char **argv)
{
	size_t pairs = argc > 1 ? strtoul(argv[1], nullptr, 0) : 200000;
	size_t asked = 0, refused = 0, left_out = 0, wrong = 0;

	rnd.state = argc > 2 ? strtoull(argv[2], nullptr, 0) : 1;
	while (asked < pairs && wrong < 20) {
		question q;

		if (rnd.one_in(10)) {
			make_time(q);
		} else {
			for (unsigned n = 1 + rnd.below(4); n > 0; n--)
				push_some(q);
			make_format(q);
		}
		if (differs(q)) {
			left_out++;
			continue;
		}
		asked++;
		wrong += !ask(q, refused);
	}
	/* Two libraries that refuse everything agree as well. */
	bool passed = wrong == 0 && refused < asked / 2;

	fmt::print("1..1\n{} 1 - {} pairs agree with {{fmt}} {}, {} of them refused by both; "
	           "{} left out\n",
	           passed ? "ok" : "not ok", asked - wrong, FMT_VERSION, refused, left_out);
	return !passed;
}
