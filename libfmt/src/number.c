#include "internal.h"

#include <string.h>

enum { DIGITS_MAX = 128 }; /* of 128 bits in base 2 */

/* Writes digits before @end, returns the first. */
static char *digits_before(char *end, fmt_uint128 value, unsigned base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	uint64_t low;

	for (; value >> 64; value /= base)
		*--end = digits[value % base];
	low = (uint64_t)value;
	do
		*--end = digits[low % base];
	while (low /= base);
	return end;
}

static unsigned base_of(char type)
{
	switch (type) {
	case 'b':
	case 'B':
		return 2;
	case 'o':
		return 8;
	case 'x':
	case 'X':
		return 16;
	default:
		return 10;
	}
}

int fmt_put_integer(struct fmt_writer *w, const struct fmt_spec *spec, const struct fmt_arg *arg)
{
	bool negative = arg->type != FMT_TYPE_UINT && arg->value.sint < 0;
	fmt_uint128 value = negative ? -arg->value.uint : arg->value.uint;
	char text[DIGITS_MAX], prefix[4] = "", *last = prefix, *digits;
	unsigned base = base_of(spec->type);

	if (spec->type == 'c') {
		if (negative || value > UINT8_MAX)
			return fmt_wrong(w, "number is no character");
		fmt_put_character(w, spec, (char)value);
		return 0;
	}
	if (negative)
		*last++ = '-';
	else if (spec->sign == '+' || spec->sign == ' ')
		*last++ = spec->sign;
	if (spec->alternate && (base == 2 || base == 16 || (base == 8 && value > 0)))
		*last++ = '0';
	if (spec->alternate && (base == 2 || base == 16))
		*last++ = spec->type;
	digits = digits_before(text + sizeof(text), value, base, spec->type == 'X');
	fmt_put_number(w, spec, prefix, digits, (size_t)(text + sizeof(text) - digits));
	return 0;
}

void fmt_put_pointer(struct fmt_writer *w, const struct fmt_spec *spec, const void *pointer)
{
	char text[DIGITS_MAX], *digits;

	digits = digits_before(text + sizeof(text), (uintptr_t)pointer, 16, false);
	*--digits = 'x';
	*--digits = '0';
	fmt_put_text(w, spec, '>', digits, (size_t)(text + sizeof(text) - digits));
}
