/* SPDX-License-Identifier: Apache-2.0
 * Operations that move rows: embedding lookup, gather, put.
 */
#include "harness/num/ops.h"

#include <string.h>

#include "harness/num/op_matrix.h"
#include "harness/num/op_split.h"

static int index_check(const struct op *op, int n, int from, int limit, struct err *err)
{
	if (op->n_index != n)
		return err_set(err, ERR_INTERNAL, "%s: %d indices for %d rows",
			       op_table[op->kind]->name, op->n_index, n);
	for (int i = 0; i < n; i++)
		if (op->index[i] < from || op->index[i] >= limit)
			return err_set(err, ERR_INTERNAL, "%s: index %d is %d, allowed: %d to %d",
				       op_table[op->kind]->name, i, op->index[i], from, limit - 1);
	return 0;
}

static float *row(float *p, int i, int cols)
{
	return p + (size_t)i * (size_t)cols;
}

static int embed_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	if (!op->frozen == !op->in[0])
		return err_set(err, ERR_INTERNAL, "embed: %s",
			       op->frozen ? "two tables" : "no table");
	*rows = op->n_index;
	*cols = op->frozen ? op->frozen->w.cols : op->in[0]->cols;
	return index_check(op, op->n_index, -1, op->frozen ? op->frozen->w.rows : op->in[0]->rows,
			   err);
}

static int gather_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	*rows = op->n_index;
	*cols = op->in[0]->cols;
	return index_check(op, op->n_index, 0, op->in[0]->rows, err);
}

/* Rows of a table in a type of its own. */
static void decode_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	const struct weight *w = &op->frozen->w;
	size_t bytes = weight_row_bytes(w->type, w->cols);

	(void)work;
	(void)piece;
	for (size_t end = i + n; i < end; i++) {
		float *to = row(op->out->data, (int)i, w->cols);

		if (op->index[i] < 0)
			memset(to, 0, (size_t)w->cols * sizeof(*to));
		else
			weight_decode(w->type,
				      (const unsigned char *)w->data + (size_t)op->index[i] * bytes,
				      to, (size_t)w->cols);
	}
}

static void embed_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int cols = op->out->cols;

	for (int i = 0; i < op->n_index; i++)
		for (int j = 0; j < cols; j++)
			out[i * cols + j] =
				op->index[i] < 0 ? 0
				: in[0]		 ? in[0][op->index[i] * cols + j]
					: matrix_frozen_value(&op->frozen->w, op->index[i], j);
}

/* Embedding lookup and gather differ only in the index -1. */
static void gather_piece(struct op *op, float *work, int piece, size_t i, size_t n)
{
	int cols = op->in[0]->cols;
	size_t bytes = (size_t)cols * sizeof(float);

	(void)work;
	(void)piece;
	for (size_t end = i + n; i < end; i++) {
		float *to = row(op->out->data, (int)i, cols);

		if (op->index[i] < 0)
			memset(to, 0, bytes);
		else
			memcpy(to, row(op->in[0]->data, op->index[i], cols), bytes);
	}
}

static void gather_forward(struct op *op, float *work)
{
	op_split_run(op, work, (size_t)op->n_index, (size_t)op->out->cols, gather_piece);
}

static void embed_forward(struct op *op, float *work)
{
	op_split_run(op, work, (size_t)op->n_index, (size_t)op->out->cols,
		     op->frozen ? decode_piece : gather_piece);
}

/* Rows may come more than once, so it is the columns that are split. */
static void gather_back_piece(struct op *op, float *work, int piece, size_t j, size_t n)
{
	struct tensor *x = op->in[0];

	(void)work;
	(void)piece;
	n = op_columns(&j, n, x->cols);
	for (int i = 0; !x->live && i < x->rows; i++)
		memset(row(x->grad, i, x->cols) + j, 0, n * sizeof(float));
	for (int i = 0; i < op->n_index; i++)
		if (op->index[i] >= 0)
			op->kern->axpy(row(x->grad, op->index[i], x->cols) + j,
				       row(op->out->grad, i, x->cols) + j, 1.0f, n);
}

static void gather_backward(struct op *op, float *work)
{
	struct tensor *x = op->in[0];

	if (!x->grad)
		return;
	op_split_run(op, work, op_column_groups(x->cols),
		     OP_COLUMNS * ((size_t)op->n_index + (x->live ? 0 : (size_t)x->rows)),
		     gather_back_piece);
	x->live = true;
}

static void gather_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int cols = op->in[0]->cols;

	for (int i = 0; i < op->n_index; i++)
		for (int j = 0; j < cols; j++)
			out[i * cols + j] = op->index[i] < 0 ? 0 : in[0][op->index[i] * cols + j];
}

static int put_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	*rows = op->in[0]->rows;
	*cols = op->in[0]->cols;
	if (op->in[1]->cols != *cols)
		return err_set(err, ERR_INTERNAL, "put_rows: %d columns into %d", op->in[1]->cols,
			       *cols);
	return index_check(op, op->in[1]->rows, 0, *rows, err);
}

static void put_forward(struct op *op, float *work)
{
	int cols = op->out->cols;

	(void)work;
	for (int i = 0; i < op->n_index; i++)
		memcpy(row(op->out->data, op->index[i], cols), row(op->in[1]->data, i, cols),
		       (size_t)cols * sizeof(float));
}

static void put_backward(struct op *op, float *work)
{
	struct tensor *y = op->in[1];
	int cols = op->out->cols;
	bool add = y->grad && op_grad_add(y);

	(void)work;
	for (int i = 0; i < op->n_index; i++) {
		float *from = row(op->out->grad, op->index[i], cols);

		if (y->grad)
			op->kern->masked(row(y->grad, i, cols), from, NULL, 1.0f, add,
					 (size_t)cols);
		memset(from, 0, (size_t)cols * sizeof(float));
	}
}

static void put_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int cols = op->out->cols;

	memcpy(out, in[0], tensor_size(op->out) * sizeof(*out));
	for (int i = 0; i < op->n_index; i++)
		for (int j = 0; j < cols; j++)
			out[op->index[i] * cols + j] = in[1][i * cols + j];
}

const struct op_spec op_embed = {
	.name = "embed",
	.n_in = 0,
	.shape = embed_shape,
	.forward = embed_forward,
	.backward = gather_backward,
	.naive = embed_naive,
};

const struct op_spec op_gather = {
	.name = "gather",
	.n_in = 1,
	.shape = gather_shape,
	.forward = gather_forward,
	.backward = gather_backward,
	.naive = gather_naive,
};

const struct op_spec op_put_rows = {
	.name = "put_rows",
	.n_in = 2,
	.in_place = true,
	.shape = put_shape,
	.forward = put_forward,
	.backward = put_backward,
	.naive = put_naive,
};
