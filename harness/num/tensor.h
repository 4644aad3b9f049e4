/* SPDX-License-Identifier: Apache-2.0
 * A tensor: rows x cols of float, row-major, with an optional gradient of the
 * same shape.  A view: who made it owns the memory (a tape, a parameter set, the caller).
 */
#ifndef HARNESS_NUM_TENSOR_H
#define HARNESS_NUM_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

struct tensor {
	int rows, cols;
	float *data;
	float *grad; /* NULL: none is wanted, or (learns) it has no memory yet */
	bool live;   /* grad holds a value; false: the next contribution overwrites it */
	bool learns; /* of a tape: it gets a gradient in the walk back */
	bool taken;  /* of a tape: data and grad are the tape's memory */
};

/* Whether a gradient is wanted. */
static inline bool tensor_learns(const struct tensor *t)
{
	return t->grad || t->learns;
}

static inline size_t tensor_size(const struct tensor *t)
{
	return (size_t)t->rows * (size_t)t->cols;
}

#endif
