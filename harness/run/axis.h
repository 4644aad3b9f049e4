/* SPDX-License-Identifier: Apache-2.0
 * One axis of a sweep: the values that an option takes in turn.
 *
 *   a,b,c             listed values; \, is a comma inside of one, an empty one is a value too
 *   first-last+step   first, first + step, … up to last
 *   first-last*mult   first, first * mult, … up to last
 *   first-last        the same as +1, of whole numbers
 *
 * Ranges are for numbers without a sign: negative bounds need the list.  They may
 * stand in a list: 0,1-8*2.
 */
#ifndef HARNESS_RUN_AXIS_H
#define HARNESS_RUN_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"

#define AXIS_VALUES_MAX 10000

struct axis {
	char *name;
	char **value; /* (n), in the order written */
	int n;
	size_t cap;
};

/* Reads a text as above; numeric: ranges are understood.  ERR_ARG names the axis and
 * the value that is malformed or there twice.  Free with axis_free(), also after failure. */
int axis_parse(struct axis *a, const char *name, const char *text, bool numeric, struct err *err);
/* Starts an axis without values, and adds one. */
int axis_init(struct axis *a, const char *name, struct err *err);
int axis_add(struct axis *a, const char *value, struct err *err);
void axis_free(struct axis *a); /* accepts the zeroed struct */

#endif
