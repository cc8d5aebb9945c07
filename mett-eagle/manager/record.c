#include "record.h"

#include <string.h>

#include "activation.h"
#include "lane.h"
#include "worker.h"

static void write_outcome(struct session *session, const struct record *record, const char *text,
                          const char *log)
{
	unsigned char *place = ring_claim(&session->ring, record->header.size);

	if (!place)
		return;
	memcpy(place, record, sizeof(*record));
	place += sizeof(*record);
	memcpy(place, text, record->text_size);
	if (record->log_size)
		memcpy(place + record->text_size, log, record->log_size);
	ring_publish(session, record->header.size);
}

static uint32_t size_of(const struct record *record)
{
	size_t size = sizeof(*record) + record->text_size + record->log_size;

	return (uint32_t)((size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN);
}

void record_outcome(const struct activation *activation, const struct outcome *outcome,
                    const char *log, size_t log_size)
{
	const struct worker *caller = activation->caller.worker;
	const struct pool *pool = activation->pool;

	if (activation->worker)
		activation->worker->recorded = activation->id;
	if (!activation->session->ring.memory)
		return;
	if (log_size > RECORD_LOG_MAX) {
		log += log_size - RECORD_LOG_MAX;
		log_size = RECORD_LOG_MAX;
	}
	struct record record = {
		.header.kind = RECORD_OUTCOME,
		.id = activation->id,
		.calls = 1,
		.times = activation->times,
		.version = pool->version->number,
		.depth = activation->depth,
		.reason = outcome->reason,
		.detail = outcome->detail,
		.text_size = (uint32_t)strlen(outcome->text),
		.log_size = (uint32_t)log_size,
	};
	memcpy(record.action, pool->name, sizeof(pool->name));
	if (caller) {
		record.parent = caller->last;
		memcpy(record.caller, caller->pool->name, sizeof(pool->name));
	}
	record.header.size = size_of(&record);
	write_outcome(activation->session, &record, outcome->text, log);
}

void record_calls(const struct pool *pool, uint64_t count, uint64_t id)
{
	struct record record = {
		.header = {sizeof(record), RECORD_OUTCOME},
		.id = id,
		.calls = count,
		.version = pool->version->number,
		.depth = 1,
	};

	if (!pool->session->ring.memory)
		return;
	record.times.start_worker = record.times.end_worker = sys_clock_ns();
	memcpy(record.action, pool->name, sizeof(pool->name));
	write_outcome(pool->session, &record, "", NULL);
}

/* Client and worker wrote them: in their order, and within what we know ourselves. */
static void take_times(struct mett_metadata *ret, const struct worker *worker)
{
	const struct worker_window *window = worker->lane->window.memory;
	const struct mett_metadata told = window->reply.times;
	uint64_t start_ns = window->start_ns, now_ns = sys_clock_ns();

	start_ns = start_ns > worker->armed_ns ? start_ns : worker->armed_ns;
	ret->start_worker = start_ns < now_ns ? start_ns : now_ns;
	window_times(ret, &told, ret->start_worker, now_ns);
	ret->end_worker = ret->end_runtime; /* its caller has fetched the answer when it liked */
}

void record_note_caller(struct worker *worker)
{
	const struct lane *lane = worker->lane->caller;
	const struct worker *caller = lane ? lane->worker : NULL;

	if (!caller || worker->outlived)
		return;
	worker->depth = caller->activation ? caller->activation->depth + 1 : lane->level + 2;
	/* What the server gave it may have ended by now; what came by lane has no other id. */
	worker->parent = caller->last ? caller->last : lane_last(lane);
	memcpy(worker->caller, caller->pool->name, sizeof(worker->caller));
}

static void record_lane_call(struct worker *worker)
{
	struct record record = {
		.header = {sizeof(record), RECORD_OUTCOME},
		.id = worker->last,
		.parent = worker->parent,
		.calls = 1,
		.memory = worker->memory,
		.version = worker->pool->version->number,
		.depth = worker->depth ? worker->depth : 1,
	};

	take_times(&record.times, worker);
	memcpy(record.action, worker->pool->name, sizeof(worker->pool->name));
	memcpy(record.caller, worker->caller, sizeof(worker->caller));
	write_outcome(worker->pool->session, &record, "", NULL);
}

static void record_memory(struct worker *worker)
{
	struct session *session = worker->pool->session;
	const struct record_memory record = {
		{sizeof(record), RECORD_MEMORY}, worker->recorded, worker->memory};
	void *place = ring_claim(&session->ring, sizeof(record));

	if (!place)
		return;
	memcpy(place, &record, sizeof(record));
	ring_publish(session, sizeof(record));
}

void record_worker(struct worker *worker)
{
	struct lane *lane = worker->lane;

	if (!worker->pool->session->ring.memory || !lane || !lane->window.memory)
		return;
	record_note_caller(worker);
	lane_count(lane);
	if (!worker->ended && worker->process && (worker->last || worker->recorded))
		worker->memory = sys_worker_memory(worker->process);
	if (worker->last && worker->last != worker->recorded) {
		/* Those of one that serves on were counted, and that is all that is known. */
		if (worker->pool->options.policy != METT_POLICY_REUSE)
			record_lane_call(worker);
	} else if (worker->recorded && worker->memory) {
		record_memory(worker);
	}
}
