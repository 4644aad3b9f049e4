/* SPDX-License-Identifier: Apache-2.0
 * The weight of an operation, whether it is in[1] in fp32 or frozen in its own type,
 * and products with it.
 */
#ifndef HARNESS_NUM_OP_MATRIX_H
#define HARNESS_NUM_OP_MATRIX_H

#include "harness/num/gemm.h"
#include "harness/num/ops.h"

/* Rows and columns of the weight; 0 where there is none. */
int matrix_rows(const struct op *op);
int matrix_cols(const struct op *op);
/* ERR_INTERNAL unless there is exactly one weight, with cols columns. */
int matrix_check(const struct op *op, const char *name, int cols, struct err *err);

/* y (m, rows) = or += x (m, cols) w';  dx (m, cols) = or += dy (m, rows) w */
void matrix_nt(const struct op *op, int m, const float *x, bool add, float *y, float *work);
void matrix_nn(const struct op *op, int m, const float *dy, bool add, float *dx, float *work);
/* Floats of scratch of both products and of the weight's gradient, for m rows. */
size_t matrix_work(const struct op *op, int m);

/* w(j, p) of a frozen weight, by the definition of its type: for naive twins. */
double matrix_frozen_value(const struct weight *w, int j, int p);

/* Products of this operation with scratch at work. */
static inline struct gemm_ctx op_product(const struct op *op, float *work)
{
	return (struct gemm_ctx){ .kern = op->kern, .pool = op->pool, .work = work };
}

/* Those with its weight. */
static inline struct gemm_ctx op_weight_product(const struct op *op, float *work)
{
	struct gemm_ctx g = op_product(op, work);

	g.mixed = op->mixed;
	return g;
}

/* n floats in whole cache lines. */
static inline size_t op_lines(size_t n)
{
	return (n + 15) / 16 * 16;
}

#endif
