/* SPDX-License-Identifier: Apache-2.0
 * Softmax cross-entropy with weights and label smoothing.
 */
#include "harness/num/ops.h"

#include <math.h>
#include <string.h>

static int xent_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	*rows = op->in[0]->rows;
	*cols = 1;
	if (op->n_index != *rows)
		return err_set(err, ERR_INTERNAL, "xent: %d targets for %d rows", op->n_index,
			       *rows);
	for (int i = 0; i < *rows; i++)
		if (op->index[i] < 0 || op->index[i] >= op->in[0]->cols)
			return err_set(err, ERR_INTERNAL, "xent: target %d is %d of %d", i,
				       op->index[i], op->in[0]->cols);
	return 0;
}

static size_t xent_save(const struct op *op)
{
	return (size_t)op->in[0]->rows;
}

static size_t xent_work(const struct op *op)
{
	return (size_t)op->in[0]->cols;
}

static float weight(const struct op *op, int i)
{
	return op->weight ? op->weight[i] : 1.0f;
}

/* save: log of the sum of exponentials of each row */
static void xent_forward(struct op *op, float *work)
{
	int n = op->in[0]->rows, v = op->in[0]->cols;

	for (int i = 0; i < n; i++) {
		const float *x = op->in[0]->data + (size_t)i * (size_t)v;
		float top = op->kern->max(x, v);
		double mean = 0, lse;

		memcpy(work, x, (size_t)v * sizeof(*x));
		lse = (double)top + log((double)op->kern->exp_sum(work, v, 1.0f, top));
		op->save[i] = (float)lse;
		for (int j = 0; op->scale > 0 && j < v; j++)
			mean += (double)x[j] / v;
		op->out->data[i] = weight(op, i) *
				   (float)(lse - (1 - (double)op->scale) * (double)x[op->index[i]] -
					   (double)op->scale * mean);
	}
}

static void xent_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0];
	int n = x->rows, v = x->cols;
	bool add;

	if (!x->grad)
		return;
	add = op_grad_add(x);
	for (int i = 0; i < n; i++) {
		float *dx = x->grad + (size_t)i * (size_t)v, w = weight(op, i) * op->out->grad[i];
		float even = op->scale / (float)v;

		memcpy(work, x->data + (size_t)i * (size_t)v, (size_t)v * sizeof(*dx));
		op->kern->exp_sum(work, v, 1.0f, op->save[i]);
		for (int j = 0; op->scale > 0 && j < v; j++)
			work[j] -= even;
		work[op->index[i]] -= 1.0f - op->scale;
		op->kern->masked(dx, work, NULL, w, add, (size_t)v);
	}
}

static void xent_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int v = op->in[0]->cols;

	for (int i = 0; i < op->in[0]->rows; i++) {
		const double *x = in[0] + i * v;
		double top = x[0], sum = 0, loss = 0;

		for (int j = 0; j < v; j++)
			top = fmax(top, x[j]);
		for (int j = 0; j < v; j++)
			sum += exp(x[j] - top);
		for (int j = 0; j < v; j++) {
			double q = (double)op->scale / v +
				   (j == op->index[i] ? 1 - (double)op->scale : 0);

			loss -= q * (x[j] - top - log(sum));
		}
		out[i] = (double)weight(op, i) * loss;
	}
}

const struct op_spec op_xent = {
	.name = "xent",
	.n_in = 1,
	.shape = xent_shape,
	.save = xent_save,
	.work = xent_work,
	.forward = xent_forward,
	.backward = xent_backward,
	.naive = xent_naive,
};
