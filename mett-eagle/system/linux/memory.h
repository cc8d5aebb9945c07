#pragma once

/* Memory bounds of one process, by resource limits. */
#include <stdint.h>
#include <sys/types.h>

/**
 * memory_limit() - bound the private writable memory of a process
 * @pid:   process; 0: the calling one
 * @bytes: 0: no bound
 *
 * Return: 0 or a negative errno.
 */
int memory_limit(pid_t pid, uint64_t bytes);

/** memory_peak() - most that a process has had resident so far, in bytes; 0: not known */
uint64_t memory_peak(pid_t pid);
