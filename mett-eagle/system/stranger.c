/* Gates of strangers, for worlds in which what they can send takes no time to let go of. */
#include "loop.h"

int sys_gate_hear(sys_cap gate, void *data, size_t size, size_t *ret_size)
{
	struct sys_received got;
	int result = sys_gate_recv(gate, data, size, &got);

	if (result)
		return result;
	*ret_size = got.size;
	if (!got.cap_count)
		return 0;
	sys_received_close(&got);
	return SYS_REFUSED;
}

void sys_gate_discard(sys_cap gate)
{
	sys_cap_close(gate);
}
