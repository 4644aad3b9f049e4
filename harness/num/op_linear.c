/* SPDX-License-Identifier: Apache-2.0
 * The linear layer with optional bias and low-rank adapter:
 *   y = x w' + bias + t b',  t = scale drop(x) a'
 * A weight without gradient is frozen: its product is skipped.
 */
#include "harness/num/ops.h"

#include <string.h>

#include "harness/num/op_matrix.h"
#include "harness/num/op_split.h"

static int linear_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	const struct tensor *x = op->in[0], *bias = op->in[2], *a = op->in[3], *b = op->in[4];
	int dout = matrix_rows(op);

	*rows = x->rows;
	*cols = dout;
	if (matrix_check(op, "linear", x->cols, err))
		return err->code;
	if (bias && (bias->rows != 1 || bias->cols != dout))
		return err_set(err, ERR_INTERNAL, "linear: bias is %d x %d, w has %d rows",
			       bias->rows, bias->cols, dout);
	if (!a != !b || (a && (a->cols != x->cols || b->rows != dout || b->cols != a->rows)))
		return err_set(err, ERR_INTERNAL, "linear: the adapter does not fit w (%d x %d)",
			       dout, x->cols);
	return 0;
}

/* t */
static size_t linear_save(const struct op *op)
{
	return op->in[3] ? (size_t)op->in[0]->rows * (size_t)op->in[3]->rows : 0;
}

/* Scratch in front of that of the products: the gradient of t, and x or its gradient on
 * the dropped way through the adapter. */
static size_t lead(const struct op *op)
{
	return op_lines(linear_save(op)) +
	       (op->in[3] && op->mask ? op_lines(tensor_size(op->in[0])) : 0);
}

/* Scratch of the largest product, behind the lead. */
static size_t linear_work(const struct op *op)
{
	int n = op->in[0]->rows, din = op->in[0]->cols, dout = matrix_rows(op);
	int r = op->in[3] ? op->in[3]->rows : 0;
	/* forward, input and weight gradient of both halves of the adapter */
	const int size[6][3] = {
		{ n, r, din },	{ n, dout, r }, { dout, r, n },
		{ n, r, dout }, { r, din, n },	{ n, din, r },
	};
	const struct gemm_ctx g = op_product(op, NULL);
	size_t most = matrix_work(op, n);

	for (int i = 0; r && i < 6; i++) {
		size_t s = gemm_work(&g, size[i][0], size[i][1], size[i][2]);

		most = s > most ? s : most;
	}
	return most + lead(op);
}

/* What the adapter reads: x, or with dropout its masked copy in scratch. */
static const float *adapter_input(const struct op *op, float *work)
{
	const struct tensor *x = op->in[0];
	float *dropped = work + op_lines(linear_save(op));

	if (!op->mask)
		return x->data;
	op->kern->masked(dropped, x->data, op->mask, op->mask_scale, false, tensor_size(x));
	return dropped;
}

static void linear_forward(struct op *op, float *work)
{
	const struct tensor *x = op->in[0], *bias = op->in[2], *a = op->in[3], *b = op->in[4];
	const struct gemm_ctx g = op_product(op, work + lead(op));
	int n = x->rows, dout = op->out->cols;
	float *y = op->out->data;

	for (int i = 0; bias && i < n; i++)
		memcpy(y + (size_t)i * (size_t)dout, bias->data, (size_t)dout * sizeof(*y));
	matrix_nt(op, n, x->data, bias != NULL, y, work + lead(op));
	if (!a)
		return;
	gemm_nt(&g, n, a->rows, x->cols, adapter_input(op, work), a->data, false, op->save);
	op->kern->masked(op->save, op->save, NULL, op->scale, false, linear_save(op));
	gemm_nt(&g, n, dout, a->rows, op->save, b->data, true, y);
}

static void adapter_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *a = op->in[3], *b = op->in[4];
	const struct gemm_ctx g = op_product(op, work + lead(op));
	int n = x->rows, din = x->cols, dout = b->rows, r = a->rows;
	float *dt = work, *dropped = work + op_lines(linear_save(op));
	const float *dy = op->out->grad;

	if (b->grad)
		gemm_tn(&g, dout, r, n, dy, op->save, op_grad_add(b), b->grad);
	if (!a->grad && !x->grad)
		return;
	gemm_nn(&g, n, r, dout, dy, b->data, false, dt);
	op->kern->masked(dt, dt, NULL, op->scale, false, (size_t)n * (size_t)r);
	if (a->grad)
		gemm_tn(&g, r, din, n, dt, adapter_input(op, work), op_grad_add(a), a->grad);
	if (x->grad && !op->mask)
		gemm_nn(&g, n, din, r, dt, a->data, op_grad_add(x), x->grad);
	if (x->grad && op->mask) {
		gemm_nn(&g, n, din, r, dt, a->data, false, dropped);
		op->kern->masked(x->grad, dropped, op->mask, op->mask_scale, op_grad_add(x),
				 tensor_size(x));
	}
}

static void bias_piece(struct op *op, float *work, int piece, size_t j, size_t n)
{
	struct tensor *bias = op->in[2];

	(void)work;
	(void)piece;
	n = op_columns(&j, n, bias->cols);
	if (!bias->live)
		memset(bias->grad + j, 0, n * sizeof(float));
	for (int i = 0; i < op->in[0]->rows; i++)
		op->kern->axpy(bias->grad + j, op->out->grad + (size_t)i * (size_t)bias->cols + j,
			       1.0f, n);
}

static void bias_backward(struct op *op, float *work)
{
	op_split_run(op, work, op_column_groups(op->in[2]->cols),
		     OP_COLUMNS * (size_t)op->in[0]->rows, bias_piece);
	op->in[2]->live = true;
}

static void linear_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *w = op->in[1], *bias = op->in[2];
	const struct gemm_ctx g = op_weight_product(op, work + lead(op));
	const float *dy = op->out->grad;

	if (x->grad)
		matrix_nn(op, x->rows, dy, op_grad_add(x), x->grad, work + lead(op));
	if (w && w->grad)
		gemm_tn(&g, w->rows, w->cols, x->rows, dy, x->data, op_grad_add(w), w->grad);
	if (bias && bias->grad)
		bias_backward(op, work);
	if (op->in[3])
		adapter_backward(op, work);
}

/* (row i of x, dropped) times row r of a */
static double naive_low(const struct op *op, const double *const in[OP_INPUTS], int i, int r)
{
	int din = op->in[0]->cols;
	double t = 0;

	for (int p = 0; p < din; p++) {
		double keep = op->mask ? op->mask[i * din + p] * (double)op->mask_scale : 1;

		t += in[0][i * din + p] * keep * in[3][r * din + p];
	}
	return t;
}

static void linear_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int din = op->in[0]->cols, dout = matrix_rows(op), rank = in[3] ? op->in[3]->rows : 0;

	for (int i = 0; i < op->in[0]->rows; i++)
		for (int j = 0; j < dout; j++) {
			double s = in[2] ? in[2][j] : 0;

			for (int p = 0; p < din; p++)
				s += in[0][i * din + p] *
				     (in[1] ? in[1][j * din + p]
					    : matrix_frozen_value(&op->frozen->w, j, p));
			for (int r = 0; r < rank; r++)
				s += (double)op->scale * naive_low(op, in, i, r) *
				     in[4][j * rank + r];
			out[i * dout + j] = s;
		}
}

const struct op_spec op_linear = {
	.name = "linear",
	.n_in = 1,
	.shape = linear_shape,
	.save = linear_save,
	.work = linear_work,
	.forward = linear_forward,
	.backward = linear_backward,
	.naive = linear_naive,
};
