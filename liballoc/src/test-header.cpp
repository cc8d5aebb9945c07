/* The public header must work alone in C++. */
#include <liballoc/cap.h>

int main()
{
	cap_t cap = CAP_INVALID;
	CAP_ALLOCATOR_AUTO struct cap_allocator *caps = nullptr;

	if (cap_allocator_new(1, nullptr, nullptr, &caps) < 0)
		return 1;
	return cap_alloc(caps, &cap) == 0 && cap == 0 ? 0 : 1;
}
