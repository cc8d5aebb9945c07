#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

sys_cap gate_knock(const struct server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	sys_cap end = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CHECK(end >= 0);
	strcpy(address.sun_path, server->socket);
	if (connect(end, (struct sockaddr *)&address, sizeof(address)) == 0)
		return end;
	CHECK_EQ(errno, EAGAIN);
	sys_cap_close(end);
	return SYS_NO_CAP;
}

void gate_open(struct gate *ret, const struct server *server, const char *space)
{
	struct message_register ask = {
		.header = {MESSAGE_REGISTER, 1},
		.version = PROTOCOL_VERSION,
	};
	struct message_registered reply[16];
	struct sys_received got;
	void *memory;
	sys_cap door = SYS_NO_CAP;

	message_name_set(&ask.space, space);
	SOON((door = gate_knock(server)) != SYS_NO_CAP);
	CHECK_EQ(sys_gate_send(door, &ask, sizeof(ask), NULL, 0), 0);
	CHECK_EQ(sys_gate_wait(door, 0, sys_clock_ns() + SOON_MS * 1000000ULL), 0);
	CHECK_EQ(sys_gate_recv(door, reply, sizeof(reply), &got), 0);
	CHECK_EQ(reply->reason, METT_OK);
	CHECK_EQ(got.cap_count, 2);
	CHECK_EQ(sys_map(got.caps[1], sizeof(*ret->window), 1, &memory), 0);
	sys_cap_close(got.caps[1]);
	sys_cap_close(door);
	*ret = (struct gate){got.caps[0], memory};
}

void gate_close(struct gate *gate)
{
	sys_unmap(gate->window, sizeof(*gate->window));
	sys_cap_close(gate->end);
}

int gate_send(const struct gate *gate, const void *data, size_t size, const sys_cap *caps,
              unsigned count)
{
	int result = sys_gate_send(gate->end, data, size, caps, count);

	/* Too many descriptors are under way to a server that is busy: it is the same. */
	return result == -ETOOMANYREFS ? SYS_AGAIN : result;
}

int gate_drain(const struct gate *gate)
{
	_Alignas(8) unsigned char data[MESSAGE_MAX];
	struct sys_received got;
	int result;

	while ((result = sys_gate_recv(gate->end, data, sizeof(data), &got)) == 0)
		sys_received_close(&got);
	return result == SYS_AGAIN ? 0 : SYS_CLOSED;
}

void gate_create(const struct gate *gate, enum message_type type, const char *name, sys_cap program)
{
	struct message_create create = {.header = {type, 7}};

	message_name_set(&create.name, name);
	CHECK_EQ(sys_gate_send(gate->end, &create, sizeof(create), &program, 1), 0);
}

sys_cap gate_program(const void *data, size_t size)
{
	sys_cap program;
	void *memory;

	CHECK_EQ(sys_dataspace_new("program", size, 1, &program), 0);
	CHECK_EQ(sys_map(program, size, 1, &memory), 0);
	memcpy(memory, data, size);
	sys_unmap(memory, size);
	CHECK_EQ(sys_dataspace_seal(program), 0);
	return program;
}
