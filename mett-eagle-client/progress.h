#pragma once

#include "run.h"

/**
 * progress_follow() - while clients run, show on a terminal how far they are
 *
 * Call it with the load's lock held. Returns when no client runs any more, or at
 * once if the standard error is no terminal.
 */
void progress_follow(struct load *load);
