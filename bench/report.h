#pragma once

/* What a run measured, for people and for programs. */
#include <stdio.h>

#include "run.h"

/** report_table() - floors and targets; in colour when @file is a terminal and NO_COLOR unset */
void report_table(FILE *file, const struct run *run);

/** report_json() - everything */
void report_json(FILE *file, const struct run *run);
