/* SPDX-License-Identifier: Apache-2.0
 * The output layer and its cross-entropy in one: rows go through in bands, so that the
 * logits of a large vocabulary never exist whole.  What the walk back will need is
 * made while a band is at hand: with a frozen weight the gradient of x; with a trained
 * one the gradients of the logits where they are few, else they are computed again.
 */
#include "harness/num/ops.h"

#include <math.h>
#include <string.h>

#include "harness/num/op_matrix.h"
#include "harness/num/op_split.h"
#include "harness/num/op_xent.h"

#define BAND_FLOATS ((size_t)1 << 22) /* logits of a band, 16 MB */
#define BAND_LEAST  64		      /* rows: fewer would read the weight too often */
#define KEEP_FLOATS ((size_t)8 << 20) /* most gradients of logits that are kept, 32 MB */

/* What forward keeps behind the log-sum of each row. */
enum keep { KEEP_NOTHING, KEEP_DX, KEEP_DLOGITS, KEEP_SUMS };

static bool trains(const struct tensor *t)
{
	return t && tensor_learns(t);
}

static enum keep keep_of(const struct op *op)
{
	size_t n = (size_t)op->in[0]->rows * (size_t)matrix_rows(op);

	if (!op->record)
		return KEEP_NOTHING;
	if (!trains(op->in[1]) && !trains(op->in[2]))
		return KEEP_DX;
	return n <= KEEP_FLOATS ? KEEP_DLOGITS : KEEP_SUMS;
}

static int lx_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	const struct tensor *x = op->in[0], *bias = op->in[2];

	*rows = x->rows;
	*cols = 1;
	if (matrix_check(op, "linear_xent", x->cols, err))
		return err->code;
	if (bias && (bias->rows != 1 || bias->cols != matrix_rows(op)))
		return err_set(err, ERR_INTERNAL, "linear_xent: bias is %d x %d, w has %d rows",
			       bias->rows, bias->cols, matrix_rows(op));
	return xent_targets_check(op, "linear_xent", x->rows, matrix_rows(op), err);
}

static int band_rows(const struct op *op)
{
	int n = op->in[0]->rows, v = matrix_rows(op);
	size_t fit = BAND_FLOATS / (size_t)v;

	fit = fit < BAND_LEAST ? BAND_LEAST : fit;
	return fit < (size_t)n ? (int)fit : n;
}

static size_t band_floats(const struct op *op)
{
	return op_lines((size_t)band_rows(op) * (size_t)matrix_rows(op));
}

static size_t lx_save(const struct op *op)
{
	size_t n = op_lines((size_t)op->in[0]->rows);

	switch (keep_of(op)) {
	case KEEP_DX:
		return n + tensor_size(op->in[0]);
	case KEEP_DLOGITS:
		return n + (size_t)op->in[0]->rows * (size_t)matrix_rows(op);
	case KEEP_SUMS:
	case KEEP_NOTHING:
		break;
	}
	return n;
}

static size_t lx_work(const struct op *op)
{
	return matrix_work(op, op->in[0]->rows) + band_floats(op);
}

/* Logits of the n rows from i on into y. */
static void band_logits(const struct op *op, int i, int n, float *y, float *work)
{
	const struct tensor *x = op->in[0], *bias = op->in[2];
	size_t v = (size_t)matrix_rows(op);

	for (int r = 0; bias && r < n; r++)
		memcpy(y + (size_t)r * v, bias->data, v * sizeof(*y));
	matrix_nt(op, n, x->data + (size_t)i * (size_t)x->cols, bias != NULL, y, work);
}

/* Rows of a band on their way from logits to losses. */
struct band {
	struct op *op;
	float *y;
	int first, n;
	struct split s;
	bool grad;
};

static void band_losses(void *ctx, int piece, int worker)
{
	const struct band *b = ctx;
	int i = piece * (int)b->s.step, end = i + (int)b->s.step, v = matrix_rows(b->op);

	(void)worker;
	for (; i < end && i < b->n; i++)
		b->op->out->data[b->first + i] =
			xent_row(b->op, b->first + i, b->y + (size_t)i * (size_t)v, v, b->grad,
				 &b->op->save[b->first + i]);
}

static void lx_forward(struct op *op, float *work)
{
	int n = op->in[0]->rows, v = matrix_rows(op), step = band_rows(op);
	float *kept = op->save + op_lines((size_t)n), *product = work + band_floats(op);
	enum keep keep = keep_of(op);
	struct band b = { .op = op, .grad = keep == KEEP_DX || keep == KEEP_DLOGITS };

	for (int i = 0; i < n; i += step) {
		b.first = i;
		b.n = n - i < step ? n - i : step;
		b.y = keep == KEEP_DLOGITS ? kept + (size_t)i * (size_t)v : work;
		b.s = op_split((size_t)b.n, 4 * (size_t)v);
		band_logits(op, i, b.n, b.y, product);
		pool_run(op->pool, b.s.pieces, band_losses, &b);
		if (keep == KEEP_DX)
			matrix_nn(op, b.n, b.y, false, kept + (size_t)i * (size_t)op->in[0]->cols,
				  product);
	}
}

/* Gradients of the logits times the gradients that came for their rows: y itself where
 * those are one, else written to `scaled` (may be y). */
static const float *scale_rows(const struct op *op, int i, int n, const float *y, size_t cols,
			       float *scaled)
{
	const float *r = op->out->grad + i;
	bool ones = true;

	for (int k = 0; k < n; k++)
		ones = ones && r[k] == 1.0f;
	for (int k = 0; !ones && k < n; k++)
		op->kern->masked(scaled + (size_t)k * cols, y + (size_t)k * cols, NULL, r[k], false,
				 cols);
	return ones ? y : scaled;
}

static void band_back_rows(void *ctx, int piece, int worker)
{
	const struct band *b = ctx;
	int i = piece * (int)b->s.step, end = i + (int)b->s.step, v = matrix_rows(b->op);

	(void)worker;
	for (; i < end && i < b->n; i++)
		xent_row_back(b->op, b->first + i, b->y + (size_t)i * (size_t)v, v,
			      b->op->save[b->first + i]);
}

/* Gradients of the logits of n rows from i on: kept, or made in the work memory. */
static const float *band_dlogits(struct op *op, int i, int n, float *work)
{
	struct band b;
	size_t v = (size_t)matrix_rows(op);

	if (keep_of(op) == KEEP_DLOGITS) {
		const float *kept = op->save + op_lines((size_t)op->in[0]->rows);

		return scale_rows(op, i, n, kept + (size_t)i * v, v, work);
	}
	band_logits(op, i, n, work, work + band_floats(op));
	b = (struct band){ op, work, i, n, op_split((size_t)n, 4 * v), true };
	pool_run(op->pool, b.s.pieces, band_back_rows, &b);
	return scale_rows(op, i, n, work, v, work);
}

/* Gradients of weight, bias and x from those of the logits of n rows from i on. */
static void band_back(struct op *op, int i, int n, const bool add[3], float *work)
{
	struct tensor *x = op->in[0], *w = op->in[1], *bias = op->in[2];
	float *product = work + band_floats(op);
	const struct gemm_ctx g = op_weight_product(op, product);
	size_t v = (size_t)matrix_rows(op), at = (size_t)i * (size_t)x->cols;

	const float *y = band_dlogits(op, i, n, work);

	if (x->grad)
		matrix_nn(op, n, y, add[0], x->grad + at, product);
	if (trains(w))
		gemm_tn(&g, w->rows, w->cols, n, y, x->data + at, add[1] || i > 0, w->grad);
	if (trains(bias) && !add[2] && i == 0)
		memset(bias->grad, 0, v * sizeof(float));
	for (int r = 0; trains(bias) && r < n; r++)
		op->kern->axpy(bias->grad, y + (size_t)r * v, 1.0f, v);
}

static void lx_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0];
	int n = x->rows, step = band_rows(op);
	const float *kept = op->save + op_lines((size_t)n);
	bool add[3];

	for (int i = 0; i < 3; i++)
		add[i] = trains(op->in[i]) && op_grad_add(op->in[i]);
	switch (keep_of(op)) {
	case KEEP_DX:
		for (int i = 0; i < n; i++) {
			size_t at = (size_t)i * (size_t)x->cols;

			op->kern->masked(x->grad + at, kept + at, NULL, op->out->grad[i], add[0],
					 (size_t)x->cols);
		}
		break;
	case KEEP_DLOGITS:
	case KEEP_SUMS:
		for (int i = 0; i < n; i += step)
			band_back(op, i, n - i < step ? n - i : step, add, work);
		break;
	case KEEP_NOTHING:
		break;
	}
}

static void lx_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int d = op->in[0]->cols, v = matrix_rows(op);

	for (int i = 0; i < op->in[0]->rows; i++) {
		double sum = 0, loss = 0, lse, s = (double)op->scale;

		/* the logits are computed twice: a twin has no memory of its own */
		for (int round = 0; round < 2; round++) {
			lse = round ? log(sum) : 0;
			for (int j = 0; j < v; j++) {
				double q = s / v + (j == op->index[i] ? 1 - s : 0);
				double y = in[2] ? in[2][j] : 0;

				for (int p = 0; p < d; p++)
					y += in[0][i * d + p] *
					     (in[1] ? in[1][j * d + p]
						    : matrix_frozen_value(&op->frozen->w, j, p));
				if (round)
					loss -= q * (y - lse);
				else
					sum += exp(y);
			}
		}
		out[i] = (double)xent_weight(op, i) * loss;
	}
}

const struct op_spec op_linear_xent = {
	.name = "linear_xent",
	.n_in = 1,
	.shape = lx_shape,
	.save = lx_save,
	.work = lx_work,
	.forward = lx_forward,
	.backward = lx_backward,
	.naive = lx_naive,
};
