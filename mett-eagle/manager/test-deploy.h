#pragma once

/* Deploying on a stage, for what tests spaces. */
#include "test-stage.h"

/** store() - the one there is */
struct sys_store *store(void);

/** other_program() - one that differs from the others; the caller's to close */
sys_cap other_program(unsigned char which);

/** order() - the client deploys an action; it is not answered yet */
void order(struct stage *stage, const char *name);

/** roll_back() - or goes back to a version of it */
void roll_back(struct stage *stage, const char *name, uint32_t version);

/** expect_deployed() - the client is told that it is done, and of that version */
void expect_deployed(struct stage *stage, int32_t version);

/** expect_refused() - or that it is not; the text contains @part */
void expect_refused(struct stage *stage, enum mett_reason reason, const char *part);

/** deploy() - order() and expect_deployed() */
void deploy(struct stage *stage, const char *name, int32_t version);

/** used() - of its space's quota */
struct mett_quota used(struct stage *stage);

/** serve() - one call, from the start of its zygote to its answer */
void serve(struct stage *stage, const char *name);

/** do_all() - all that the archivist has to do, with the guest looking on */
void do_all(struct stage *host, struct stage *guest);
