/* SPDX-License-Identifier: Apache-2.0
 * Splitting the rows or elements of an operation over the pool.  The pieces follow from
 * the shape alone, so results do not depend on how many threads there are; small
 * shapes stay in the caller.
 */
#ifndef HARNESS_NUM_OP_SPLIT_H
#define HARNESS_NUM_OP_SPLIT_H

#include "harness/num/ops.h"

#define SPLIT_MOST 64 /* pieces */

/* n items of `cost` floats read or written each. */
struct split {
	int pieces;
	size_t step; /* items of a piece but the last one */
};
struct split op_split(size_t n, size_t cost);

/* fn(op, work, piece, first, count) for every piece of [0, n). */
typedef void split_fn(struct op *op, float *work, int piece, size_t first, size_t count);
void op_split_run(struct op *op, float *work, size_t n, size_t cost, split_fn *fn);

/* Where rows add up, columns are split: in groups, so that pieces share no cache line. */
#define OP_COLUMNS ((size_t)64)
static inline size_t op_column_groups(int cols)
{
	return ((size_t)cols + OP_COLUMNS - 1) / OP_COLUMNS;
}
/* Groups [*j, *j + n) as columns: *j becomes the first one, their number is returned. */
static inline size_t op_columns(size_t *j, size_t n, int cols)
{
	size_t end = (*j + n) * OP_COLUMNS;

	*j *= OP_COLUMNS;
	return (end < (size_t)cols ? end : (size_t)cols) - *j;
}

#endif
