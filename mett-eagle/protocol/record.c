#include "record.h"

#include <errno.h>
#include <string.h>

static int check(union record_copy *copy, size_t size)
{
	struct record *outcome = &copy->outcome;

	if (copy->header.kind == RECORD_MEMORY)
		return size == sizeof(copy->memory);
	if (copy->header.kind != RECORD_OUTCOME || size < sizeof(*outcome) ||
	    outcome->text_size >= METT_MESSAGE_MAX || outcome->log_size > RECORD_LOG_MAX ||
	    outcome->reason >= METT_REASON_COUNT ||
	    size - sizeof(*outcome) < outcome->text_size + outcome->log_size)
		return 0;
	outcome->action[METT_NAME_MAX] = outcome->caller[METT_NAME_MAX] = 0;
	return 1;
}

int record_take(const struct record_ring *ring, uint64_t *tail, union record_copy *ret)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	while (head != *tail) {
		size_t at = *tail % RECORD_ROOM, most = RECORD_ROOM - at;
		struct record_header header;

		if (head - *tail < most)
			most = head - *tail;
		if (head - *tail > RECORD_ROOM || head % RECORD_ALIGN || *tail % RECORD_ALIGN)
			return -EPROTO;
		memcpy(&header, ring->data + at, sizeof(header));
		if (header.size < sizeof(header) || header.size > most ||
		    header.size % RECORD_ALIGN)
			return -EPROTO;
		*tail += header.size;
		if (header.kind == RECORD_NOTHING)
			continue;
		if (header.size > sizeof(*ret))
			return -EPROTO;
		memcpy(ret, ring->data + at, header.size);
		ret->header = header; /* as it was checked */
		return check(ret, header.size) ? 1 : -EPROTO;
	}
	return 0;
}
