#pragma once

/* Churn: many actions come and go; whether it takes longer the more there are. */
#include "scene.h"

struct churn;

/** churn_new() - a server for it */
struct churn *churn_new(const struct files *files);

/** churn_free() */
void churn_free(struct churn *churn);

/**
 * churn_run() - create @actions of them, then delete them in the same order
 * @ret_first: microseconds that creating and deleting one takes, mean of the first tenth
 * @ret_last:  of the last tenth
 */
void churn_run(struct churn *churn, unsigned actions, double *ret_first, double *ret_last);
