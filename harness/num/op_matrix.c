/* SPDX-License-Identifier: Apache-2.0
 * Products with a weight that is fp32 or frozen in its own type.
 */
#include "harness/num/op_matrix.h"

#define BLOCK_MOST 256 /* values of the largest block of a quantised type */

int matrix_rows(const struct op *op)
{
	return op->frozen ? op->frozen->w.rows : op->in[1] ? op->in[1]->rows : 0;
}

int matrix_cols(const struct op *op)
{
	return op->frozen ? op->frozen->w.cols : op->in[1] ? op->in[1]->cols : 0;
}

int matrix_check(const struct op *op, const char *name, int cols, struct err *err)
{
	if (!op->frozen == !op->in[1])
		return err_set(err, ERR_INTERNAL, "%s: %s", name,
			       op->frozen ? "two weights" : "no weight");
	if (matrix_cols(op) != cols)
		return err_set(err, ERR_INTERNAL, "%s: x has %d columns, w %d", name, cols,
			       matrix_cols(op));
	return 0;
}

static struct frozen_job job_of(const struct op *op, float *work)
{
	struct frozen_job job = {
		.kern = op->kern, .pool = op->pool, .path = op->path, .work = work
	};

	if (op->mixed && job.path == FROZEN_FLOAT)
		job.path = FROZEN_MIXED;
	return job;
}

void matrix_nt(const struct op *op, int m, const float *x, bool add, float *y, float *work)
{
	const struct frozen_job job = job_of(op, work);
	const struct gemm_ctx g = op_weight_product(op, work);

	if (op->frozen)
		frozen_nt(&job, op->frozen, m, x, add, y);
	else
		gemm_nt(&g, m, op->in[1]->rows, op->in[1]->cols, x, op->in[1]->data, add, y);
}

void matrix_nn(const struct op *op, int m, const float *dy, bool add, float *dx, float *work)
{
	const struct frozen_job job = job_of(op, work);
	const struct gemm_ctx g = op_weight_product(op, work);

	if (op->frozen)
		frozen_nn(&job, op->frozen, m, dy, add, dx);
	else
		gemm_nn(&g, m, op->in[1]->cols, op->in[1]->rows, dy, op->in[1]->data, add, dx);
}

size_t matrix_work(const struct op *op, int m)
{
	const int rows = matrix_rows(op), cols = matrix_cols(op);
	const int size[3][3] = { { m, rows, cols }, { m, cols, rows }, { rows, cols, m } };
	const struct frozen_job job = job_of(op, NULL);
	const struct gemm_ctx g = op_weight_product(op, NULL);
	size_t most = 0;

	if (op->frozen)
		return op_lines((frozen_work(&job, op->frozen, m) + sizeof(float) - 1) /
				sizeof(float));
	for (int i = 0; i < 3; i++) {
		size_t s = gemm_work(&g, size[i][0], size[i][1], size[i][2]);

		most = s > most ? s : most;
	}
	return op_lines(most);
}

double matrix_frozen_value(const struct weight *w, int j, int p)
{
	int block = weight_block(w->type), first = p / block * block;
	const unsigned char *row =
		(const unsigned char *)w->data + (size_t)j * weight_row_bytes(w->type, w->cols);
	float value[BLOCK_MOST];

	weight_decode(w->type, row + weight_row_bytes(w->type, first), value, (size_t)block);
	return (double)value[p - first];
}
