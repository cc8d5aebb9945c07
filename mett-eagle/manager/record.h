#pragma once

/* Record: what the recorder is told of an activation, see recorder.h. By the session's thread. */
#include "session.h"

struct outcome;

/**
 * record_outcome() - an activation has come to its end; behind its answer
 * @log: of its worker, @log_size bytes
 */
void record_outcome(const struct activation *activation, const struct outcome *outcome,
                    const char *log, size_t log_size);

/** record_calls() - @count calls were made past us, to a process that serves on; @id: the last's */
void record_calls(const struct pool *pool, uint64_t count, uint64_t id);

/** record_note_caller() - keep in mind who called this worker past us, while that is there */
void record_note_caller(struct worker *worker);

/** record_worker() - a worker is about to be freed: what it served past us, and what it used */
void record_worker(struct worker *worker);
