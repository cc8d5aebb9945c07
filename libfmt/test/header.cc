/* The header must do no harm in C++, also next to {fmt}'s own names. */
#include "libfmt/fmt.h"

int main()
{
	char text[8];
	fmt_arg args[] = {fmt_arg_named("n", fmt_arg_int(1)), fmt_arg_string("b")};

	return fmt_vformat(text, sizeof(text), "{n}{1}", args, 2) == 2 && text[0] == '1' ? 0 : 1;
}
