#pragma once

#include "statistics.h"

/**
 * output_print() - print what was measured to the standard output, in the form asked for
 *
 * Failures that this form has no place for go to the standard error.
 *
 * Return: 0, or a negative errno when it could not be written.
 */
int output_print(const struct load *load, const struct statistics *statistics);
