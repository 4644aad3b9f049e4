/* SPDX-License-Identifier: Apache-2.0
 * Operations on elements and rows: residual, dropout, RMSNorm, rotary positions,
 * SwiGLU, GELU.
 */
#include "harness/num/ops.h"

#include <math.h>

static int same_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	const struct tensor *a = op->in[0], *b = op->in[1];

	*rows = a->rows;
	*cols = a->cols;
	if (b && (b->rows != a->rows || b->cols != a->cols))
		return err_set(err, ERR_INTERNAL, "%s: %d x %d with %d x %d",
			       op_table[op->kind]->name, a->rows, a->cols, b->rows, b->cols);
	return 0;
}

static void residual_forward(struct op *op, float *work)
{
	(void)work;
	op->kern->add_masked(op->out->data, op->in[0]->data, op->in[1]->data, op->mask, op->scale,
			     tensor_size(op->out));
}

static void residual_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *b = op->in[1], *y = op->out;
	size_t n = tensor_size(y);

	(void)work;
	if (b->grad)
		op->kern->masked(b->grad, y->grad, op->mask, op->scale, op_grad_add(b), n);
	if (!tensor_learns(x))
		return;
	if (!x->grad) { /* y is done: its gradient goes on as that of x */
		x->grad = y->grad;
		x->live = true;
		y->grad = NULL;
		return;
	}
	if (op_grad_add(x))
		op->kern->axpy(x->grad, y->grad, 1.0f, n);
	else
		op->kern->scale(x->grad, y->grad, 1.0f, n);
}

static void residual_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	for (size_t i = 0; i < tensor_size(op->out); i++)
		out[i] = in[0][i] + in[1][i] * (op->mask ? op->mask[i] : 1) * (double)op->scale;
}

static void dropout_forward(struct op *op, float *work)
{
	(void)work;
	op->kern->masked(op->out->data, op->out->data, op->mask, op->scale, false,
			 tensor_size(op->out));
}

static void dropout_backward(struct op *op, float *work)
{
	(void)work;
	op->kern->masked(op->out->grad, op->out->grad, op->mask, op->scale, false,
			 tensor_size(op->out));
}

static void dropout_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	for (size_t i = 0; i < tensor_size(op->out); i++)
		out[i] = in[0][i] * (op->mask ? op->mask[i] : 1) * (double)op->scale;
}

static int rmsnorm_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	*rows = op->in[0]->rows;
	*cols = op->in[0]->cols;
	if (op->in[1]->rows != 1 || op->in[1]->cols != *cols)
		return err_set(err, ERR_INTERNAL, "rmsnorm: gain is %d x %d, x has %d columns",
			       op->in[1]->rows, op->in[1]->cols, *cols);
	return 0;
}

static size_t rmsnorm_save(const struct op *op)
{
	return (size_t)op->in[0]->rows;
}

static void rmsnorm_forward(struct op *op, float *work)
{
	(void)work;
	op->kern->rmsnorm(op->out->data, op->save, op->in[0]->data, op->in[1]->data, op->eps,
			  op->out->rows, op->out->cols);
}

static void rmsnorm_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *g = op->in[1];

	/* x without gradient: its part goes to scratch */
	if (g->grad && !op_grad_add(g))
		for (int j = 0; j < g->cols; j++)
			g->grad[j] = 0;
	op->kern->rmsnorm_back(x->grad ? x->grad : work, g->grad, op->out->grad, x->data, g->data,
			       op->save, x->grad && op_grad_add(x), x->rows, x->cols);
}

static size_t rmsnorm_work(const struct op *op)
{
	return tensor_learns(op->in[0]) ? 0 : tensor_size(op->in[0]);
}

static void rmsnorm_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int dim = op->in[0]->cols;

	for (int i = 0; i < op->in[0]->rows; i++) {
		const double *x = in[0] + i * dim;
		double s = 0;

		for (int j = 0; j < dim; j++)
			s += x[j] * x[j];
		for (int j = 0; j < dim; j++)
			out[i * dim + j] = x[j] * in[1][j] / sqrt(s / dim + (double)op->eps);
	}
}

static int rope_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	*rows = op->in[0]->rows;
	*cols = op->in[0]->cols;
	if (op->heads < 1 || *cols % (2 * op->heads) || op->n_index != *rows)
		return err_set(err, ERR_INTERNAL, "rope: %d x %d, %d heads, %d positions", *rows,
			       *cols, op->heads, op->n_index);
	return 0;
}

/* Turns every pair (x[j * step], x[j * step + apart]) by its angle, or back (sign -1). */
static void rope_turn(const struct op *op, float *restrict x, float sign)
{
	int half = op->out->cols / op->heads / 2, step = op->pairs ? 2 : 1;
	int apart = op->pairs ? 1 : half;

	for (int i = 0; i < op->out->rows; i++) {
		const float *restrict cs = op->table + (size_t)op->index[i] * (size_t)(2 * half);

		for (int h = 0; h < op->heads; h++, x += 2 * half)
			for (int j = 0; j < half; j++) {
				float *p = x + j * step, *q = p + apart;
				float a = *p, b = *q, s = sign * cs[half + j];

				*p = a * cs[j] - b * s;
				*q = a * s + b * cs[j];
			}
	}
}

static void rope_forward(struct op *op, float *work)
{
	(void)work;
	rope_turn(op, op->out->data, 1.0f);
}

static void rope_backward(struct op *op, float *work)
{
	(void)work;
	rope_turn(op, op->out->grad, -1.0f);
}

static void rope_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int cols = op->out->cols, half = cols / op->heads / 2;

	for (int i = 0; i < op->out->rows; i++)
		for (int h = 0; h < op->heads; h++)
			for (int j = 0; j < half; j++) {
				const float *cs = op->table + op->index[i] * 2 * half;
				int p = i * cols + h * 2 * half + (op->pairs ? 2 * j : j);
				int q = p + (op->pairs ? 1 : half);

				out[p] = in[0][p] * (double)cs[j] - in[0][q] * (double)cs[half + j];
				out[q] = in[0][p] * (double)cs[half + j] + in[0][q] * (double)cs[j];
			}
}

static void swiglu_forward(struct op *op, float *work)
{
	(void)work;
	op->kern->swiglu(op->out->data, op->in[0]->data, op->in[1]->data, tensor_size(op->out));
}

static size_t swiglu_work(const struct op *op)
{
	return tensor_learns(op->in[0]) && tensor_learns(op->in[1]) ? 0 : tensor_size(op->in[0]);
}

static void swiglu_backward(struct op *op, float *work)
{
	struct tensor *g = op->in[0], *u = op->in[1];

	op->kern->swiglu_back(g->grad ? g->grad : work, u->grad ? u->grad : work, op->out->grad,
			      g->data, u->data, g->grad && op_grad_add(g),
			      u->grad && op_grad_add(u), tensor_size(op->out));
}

static void swiglu_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	for (size_t i = 0; i < tensor_size(op->out); i++)
		out[i] = in[0][i] / (1 + exp(-in[0][i])) * in[1][i];
}

static void gelu_forward(struct op *op, float *work)
{
	(void)work;
	op->kern->gelu(op->out->data, op->in[0]->data, tensor_size(op->out));
}

static void gelu_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0];

	(void)work;
	if (x->grad)
		op->kern->gelu_back(x->grad, op->out->grad, x->data, op_grad_add(x),
				    tensor_size(x));
}

static void gelu_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	const double c = sqrt(2 / 3.14159265358979323846);

	for (size_t i = 0; i < tensor_size(op->out); i++) {
		double x = in[0][i];

		out[i] = 0.5 * x * (1 + tanh(c * (x + 0.044715 * x * x * x)));
	}
}

const struct op_spec op_residual = {
	.name = "residual",
	.n_in = 2,
	.hands_on = true,
	.shape = same_shape,
	.forward = residual_forward,
	.backward = residual_backward,
	.naive = residual_naive,
};

const struct op_spec op_dropout = {
	.name = "dropout",
	.n_in = 1,
	.in_place = true,
	.shape = same_shape,
	.forward = dropout_forward,
	.backward = dropout_backward,
	.naive = dropout_naive,
};

const struct op_spec op_rmsnorm = {
	.name = "rmsnorm",
	.n_in = 2,
	.shape = rmsnorm_shape,
	.save = rmsnorm_save,
	.work = rmsnorm_work,
	.forward = rmsnorm_forward,
	.backward = rmsnorm_backward,
	.naive = rmsnorm_naive,
};

const struct op_spec op_rope = {
	.name = "rope",
	.n_in = 1,
	.in_place = true,
	.shape = rope_shape,
	.forward = rope_forward,
	.backward = rope_backward,
	.naive = rope_naive,
};

const struct op_spec op_swiglu = {
	.name = "swiglu",
	.n_in = 2,
	.shape = same_shape,
	.work = swiglu_work,
	.forward = swiglu_forward,
	.backward = swiglu_backward,
	.naive = swiglu_naive,
};

const struct op_spec op_gelu = {
	.name = "gelu",
	.n_in = 1,
	.shape = same_shape,
	.forward = gelu_forward,
	.backward = gelu_backward,
	.naive = gelu_naive,
};
