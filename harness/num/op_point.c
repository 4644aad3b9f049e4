/* SPDX-License-Identifier: Apache-2.0
 * Operations on elements and rows: residual, dropout, RMSNorm, rotary positions,
 * SwiGLU, GELU.
 */
#include "harness/num/ops.h"

#include <math.h>
#include <string.h>

#include "harness/num/op_split.h"

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

static const uint8_t *mask_at(const struct op *op, size_t i)
{
	return op->mask ? op->mask + i : NULL;
}

static void residual_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	(void)work;
	(void)piece;
	op->kern->add_masked(op->out->data + i, op->in[0]->data + i, op->in[1]->data + i,
			     mask_at(op, i), op->scale, n);
}

static void residual_forward(struct op *op, float *work)
{
	op_split_run(op, work, tensor_size(op->out), 1, residual_piece);
}

static void branch_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	struct tensor *b = op->in[1];

	(void)work;
	(void)piece;
	op->kern->masked(b->grad + i, op->out->grad + i, mask_at(op, i), op->scale, b->live, n);
}

static void trunk_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	struct tensor *x = op->in[0];

	(void)work;
	(void)piece;
	op->kern->masked(x->grad + i, op->out->grad + i, NULL, 1.0f, x->live, n);
}

static void residual_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *b = op->in[1], *y = op->out;
	size_t n = tensor_size(y);

	if (b->grad) {
		op_split_run(op, work, n, 1, branch_piece);
		b->live = true;
	}
	if (!tensor_learns(x))
		return;
	if (x->grad) {
		op_split_run(op, work, n, 1, trunk_piece);
	} else { /* y is done: its gradient goes on as that of x */
		x->grad = y->grad;
		y->grad = NULL;
	}
	x->live = true;
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

static void rmsnorm_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	size_t at = i * (size_t)op->out->cols;

	(void)work;
	(void)piece;
	op->kern->rmsnorm(op->out->data + at, op->save + i, op->in[0]->data + at, op->in[1]->data,
			  op->eps, (int)n, op->out->cols);
}

static void rmsnorm_forward(struct op *op, float *work)
{
	op_split_run(op, work, (size_t)op->out->rows, (size_t)op->out->cols, rmsnorm_piece);
}

/* Scratch: the gain's gradient by pieces; then that of x where nobody wants it. */
static size_t rmsnorm_work(const struct op *op)
{
	size_t dim = (size_t)op->in[0]->cols;

	return (size_t)op_split((size_t)op->in[0]->rows, dim).pieces * dim +
	       (tensor_learns(op->in[0]) ? 0 : tensor_size(op->in[0]));
}

static void norm_back_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	struct tensor *x = op->in[0], *g = op->in[1];
	size_t dim = (size_t)x->cols, at = i * dim;
	size_t pieces = (size_t)op_split((size_t)x->rows, dim).pieces;
	float *dg = g->grad ? work + (size_t)piece * dim : NULL;

	if (dg)
		memset(dg, 0, dim * sizeof(*dg));
	op->kern->rmsnorm_back((x->grad ? x->grad : work + pieces * dim) + at, dg,
			       op->out->grad + at, x->data + at, g->data, op->save + i,
			       x->grad && x->live, (int)n, x->cols);
}

static void rmsnorm_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0], *g = op->in[1];
	size_t dim = (size_t)x->cols;

	op_split_run(op, work, (size_t)x->rows, dim, norm_back_piece);
	x->live = x->live || x->grad;
	if (!g->grad)
		return;
	if (!op_grad_add(g))
		memset(g->grad, 0, dim * sizeof(float));
	for (int i = 0; i < op_split((size_t)x->rows, dim).pieces; i++)
		op->kern->axpy(g->grad, work + (size_t)i * dim, 1.0f, dim);
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

/* Turns the pairs of n rows of x from row i on by their angles, or back (sign -1). */
static void rope_rows(const struct op *op, float *x, size_t i, size_t n, float sign)
{
	int half = op->out->cols / op->heads / 2;

	x += i * (size_t)op->out->cols;
	for (size_t end = i + n; i < end; i++, x += op->out->cols)
		op->kern->rope(x, op->table + (size_t)op->index[i] * (size_t)(2 * half), op->heads,
			       half, op->pairs, sign);
}

static void rope_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	(void)work;
	(void)piece;
	rope_rows(op, op->out->data, i, n, 1.0f);
}

static void rope_forward(struct op *op, float *work)
{
	op_split_run(op, work, (size_t)op->out->rows, (size_t)op->out->cols, rope_piece);
}

static void rope_back_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	(void)work;
	(void)piece;
	rope_rows(op, op->out->grad, i, n, -1.0f);
}

static void rope_backward(struct op *op, float *work)
{
	op_split_run(op, work, (size_t)op->out->rows, (size_t)op->out->cols, rope_back_piece);
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

static void swiglu_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	(void)work;
	(void)piece;
	op->kern->swiglu(op->out->data + i, op->in[0]->data + i, op->in[1]->data + i, n);
}

static void swiglu_forward(struct op *op, float *work)
{
	op_split_run(op, work, tensor_size(op->out), 4, swiglu_piece);
}

static size_t swiglu_work(const struct op *op)
{
	return tensor_learns(op->in[0]) && tensor_learns(op->in[1]) ? 0 : tensor_size(op->in[0]);
}

/* A gradient that nobody wants goes to scratch. */
static void swiglu_back_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	struct tensor *g = op->in[0], *u = op->in[1];

	(void)piece;
	op->kern->swiglu_back((g->grad ? g->grad : work) + i, (u->grad ? u->grad : work) + i,
			      op->out->grad + i, g->data + i, u->data + i, g->grad && g->live,
			      u->grad && u->live, n);
}

static void swiglu_backward(struct op *op, float *work)
{
	struct tensor *g = op->in[0], *u = op->in[1];

	op_split_run(op, work, tensor_size(op->out), 4, swiglu_back_piece);
	g->live = g->live || g->grad;
	u->live = u->live || u->grad;
}

static void swiglu_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	for (size_t i = 0; i < tensor_size(op->out); i++)
		out[i] = in[0][i] / (1 + exp(-in[0][i])) * in[1][i];
}

static void gelu_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	(void)work;
	(void)piece;
	op->kern->gelu(op->out->data + i, op->in[0]->data + i, n);
}

static void gelu_forward(struct op *op, float *work)
{
	op_split_run(op, work, tensor_size(op->out), 4, gelu_piece);
}

static void gelu_back_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	struct tensor *x = op->in[0];

	(void)work;
	(void)piece;
	op->kern->gelu_back(x->grad + i, op->out->grad + i, x->data + i, x->live, n);
}

static void gelu_backward(struct op *op, float *work)
{
	if (!op->in[0]->grad)
		return;
	op_split_run(op, work, tensor_size(op->in[0]), 4, gelu_back_piece);
	op->in[0]->live = true;
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
