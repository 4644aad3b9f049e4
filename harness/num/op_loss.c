/* SPDX-License-Identifier: Apache-2.0
 * Softmax cross-entropy with weights and label smoothing.
 */
#include "harness/num/op_xent.h"

#include <math.h>
#include <string.h>

int xent_targets_check(const struct op *op, const char *name, int rows, int v, struct err *err)
{
	if (op->n_index != rows)
		return err_set(err, ERR_INTERNAL, "%s: %d targets for %d rows", name, op->n_index,
			       rows);
	for (int i = 0; i < rows; i++)
		if (op->index[i] < 0 || op->index[i] >= v)
			return err_set(err, ERR_INTERNAL, "%s: target %d is %d of %d", name, i,
				       op->index[i], v);
	return 0;
}

static int xent_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	*rows = op->in[0]->rows;
	*cols = 1;
	return xent_targets_check(op, "xent", *rows, op->in[0]->cols, err);
}

/* From probabilities times `inv` to the gradient of row i. */
static void target_back(const struct op *op, int i, float *p, int v, float inv)
{
	float w = xent_weight(op, i), even = op->scale / (float)v * w;

	op->kern->masked(p, p, NULL, inv * w, false, (size_t)v);
	for (int j = 0; op->scale > 0 && j < v; j++)
		p[j] -= even;
	p[op->index[i]] -= (1.0f - op->scale) * w;
}

/* x = exp(x - top); the sum, of parts short enough for float. */
static double exp_all(const struct op *op, float *x, int v, float top)
{
	const int part = 1024;
	double sum = 0;

	for (int j = 0; j < v; j += part)
		sum += (double)op->kern->exp_sum(x + j, v - j < part ? v - j : part, 1.0f, top);
	return sum;
}

float xent_row(const struct op *op, int i, float *x, int v, bool grad, float *lse)
{
	float top = op->kern->max(x, v);
	double mean = 0, at = (double)x[op->index[i]], s = (double)op->scale, sum;

	for (int j = 0; op->scale > 0 && j < v; j++)
		mean += (double)x[j] / v;
	sum = exp_all(op, x, v, top);
	if (grad)
		target_back(op, i, x, v, (float)(1 / sum));
	*lse = (float)((double)top + log(sum));
	return xent_weight(op, i) * (float)((double)top + log(sum) - (1 - s) * at - s * mean);
}

void xent_row_back(const struct op *op, int i, float *x, int v, float lse)
{
	op->kern->exp_sum(x, v, 1.0f, lse);
	target_back(op, i, x, v, 1.0f);
}

static size_t xent_save(const struct op *op)
{
	return (size_t)op->in[0]->rows;
}

static size_t xent_work(const struct op *op)
{
	return (size_t)op->in[0]->cols;
}

/* save: log of the sum of exponentials of each row */
static void xent_forward(struct op *op, float *work)
{
	int n = op->in[0]->rows, v = op->in[0]->cols;

	for (int i = 0; i < n; i++) {
		memcpy(work, op->in[0]->data + (size_t)i * (size_t)v, (size_t)v * sizeof(*work));
		op->out->data[i] = xent_row(op, i, work, v, false, &op->save[i]);
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
		size_t at = (size_t)i * (size_t)v;

		memcpy(work, x->data + at, (size_t)v * sizeof(*work));
		xent_row_back(op, i, work, v, op->save[i]);
		op->kern->masked(x->grad + at, work, NULL, op->out->grad[i], add, (size_t)v);
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
		out[i] = (double)xent_weight(op, i) * loss;
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
