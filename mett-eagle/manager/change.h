#pragma once

/*
 * Change: what the archivist does to spaces and their actions. First the store has it,
 * then the sessions see it, then whoever asked is told; up to the store's word nothing
 * has changed.
 */
#include "archivist.h"

/** change_perform() - do a job to its end, see job_end() and space_changed() */
void change_perform(struct server *server, struct job *job);
