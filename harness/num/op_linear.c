/* SPDX-License-Identifier: Apache-2.0
 * The linear layer with optional bias and low-rank adapter:
 *   y = x w' + bias + t b',  t = scale x a'
 * A weight without gradient is frozen: its product is skipped.
 */
#include "harness/num/ops.h"

#include <string.h>

#include "harness/num/gemm.h"

static int linear_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	const struct tensor *x = op->in[0], *w = op->in[1], *bias = op->in[2], *a = op->in[3],
			    *b = op->in[4];

	*rows = x->rows;
	*cols = w->rows;
	if (w->cols != x->cols)
		return err_set(err, ERR_INTERNAL, "linear: x has %d columns, w %d", x->cols,
			       w->cols);
	if (bias && (bias->rows != 1 || bias->cols != w->rows))
		return err_set(err, ERR_INTERNAL, "linear: bias is %d x %d, w has %d rows",
			       bias->rows, bias->cols, w->rows);
	if (!a != !b || (a && (a->cols != x->cols || b->rows != w->rows || b->cols != a->rows)))
		return err_set(err, ERR_INTERNAL, "linear: the adapter does not fit w (%d x %d)",
			       w->rows, w->cols);
	return 0;
}

static size_t linear_save(const struct op *op)
{
	return op->in[3] ? (size_t)op->in[0]->rows * (size_t)op->in[3]->rows : 0;
}

static struct gemm_ctx product(const struct op *op, float *work)
{
	return (struct gemm_ctx){ .kern = op->kern, .pool = op->pool, .work = work };
}

/* Floats of the gradient of t, in whole cache lines. */
static size_t lead(const struct op *op)
{
	return (linear_save(op) + 15) / 16 * 16;
}

/* Scratch of the largest product, behind the gradient of t. */
static size_t linear_work(const struct op *op)
{
	int n = op->in[0]->rows, din = op->in[0]->cols, dout = op->in[1]->rows;
	int r = op->in[3] ? op->in[3]->rows : 0;
	/* forward, input and weight gradient; the same of both halves of the adapter */
	const int size[9][3] = {
		{ n, dout, din }, { n, din, dout }, { dout, din, n }, { n, r, din }, { n, dout, r },
		{ dout, r, n },	  { n, r, dout },   { r, din, n },    { n, din, r },
	};
	const struct gemm_ctx g = product(op, NULL);
	size_t most = 0;

	for (int i = 0; i < (r ? 9 : 3); i++) {
		size_t s = gemm_work(&g, size[i][0], size[i][1], size[i][2]);

		most = s > most ? s : most;
	}
	return most + lead(op);
}

static void linear_forward(struct op *op, float *work)
{
	const struct tensor *x = op->in[0], *w = op->in[1], *bias = op->in[2], *a = op->in[3],
			    *b = op->in[4];
	struct tensor *y = op->out;
	const struct gemm_ctx g = product(op, work);
	int n = x->rows, din = x->cols, dout = w->rows;

	for (int i = 0; bias && i < n; i++)
		memcpy(y->data + (size_t)i * (size_t)dout, bias->data,
		       (size_t)dout * sizeof(float));
	gemm_nt(&g, n, dout, din, x->data, w->data, bias != NULL, y->data);
	if (!a)
		return;
	gemm_nt(&g, n, a->rows, din, x->data, a->data, false, op->save);
	op->kern->masked(op->save, op->save, NULL, op->scale, false, linear_save(op));
	gemm_nt(&g, n, dout, a->rows, op->save, b->data, true, y->data);
}

static void adapter_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *a = op->in[3], *b = op->in[4];
	const float *dy = op->out->grad;
	int n = x->rows, din = x->cols, dout = b->rows, r = a->rows;
	const struct gemm_ctx g = product(op, work + lead(op));
	float *dt = work;

	if (b->grad)
		gemm_tn(&g, dout, r, n, dy, op->save, op_grad_add(b), b->grad);
	gemm_nn(&g, n, r, dout, dy, b->data, false, dt);
	op->kern->masked(dt, dt, NULL, op->scale, false, (size_t)n * (size_t)r);
	if (a->grad)
		gemm_tn(&g, r, din, n, dt, x->data, op_grad_add(a), a->grad);
	if (x->grad)
		gemm_nn(&g, n, din, r, dt, a->data, op_grad_add(x), x->grad);
}

static void linear_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *w = op->in[1], *bias = op->in[2];
	const float *dy = op->out->grad;
	int n = x->rows, din = x->cols, dout = w->rows;
	const struct gemm_ctx g = product(op, work);

	if (x->grad)
		gemm_nn(&g, n, din, dout, dy, w->data, op_grad_add(x), x->grad);
	if (w->grad)
		gemm_tn(&g, dout, din, n, dy, x->data, op_grad_add(w), w->grad);
	if (bias && bias->grad) {
		if (!op_grad_add(bias))
			memset(bias->grad, 0, (size_t)dout * sizeof(float));
		for (int i = 0; i < n; i++)
			op->kern->axpy(bias->grad, dy + (size_t)i * (size_t)dout, 1.0f,
				       (size_t)dout);
	}
	if (op->in[3])
		adapter_backward(op, work);
}

static void linear_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int din = op->in[0]->cols, dout = op->in[1]->rows;

	for (int i = 0; i < op->in[0]->rows; i++)
		for (int j = 0; j < dout; j++) {
			double s = in[2] ? in[2][j] : 0;

			for (int p = 0; p < din; p++)
				s += in[0][i * din + p] * in[1][j * din + p];
			for (int r = 0; in[3] && r < op->in[3]->rows; r++) {
				double t = 0;

				for (int p = 0; p < din; p++)
					t += in[0][i * din + p] * in[3][r * din + p];
				s += (double)op->scale * t * in[4][j * op->in[3]->rows + r];
			}
			out[i * dout + j] = s;
		}
}

const struct op_spec op_linear = {
	.name = "linear",
	.n_in = 2,
	.shape = linear_shape,
	.save = linear_save,
	.work = linear_work,
	.forward = linear_forward,
	.backward = linear_backward,
	.naive = linear_naive,
};
