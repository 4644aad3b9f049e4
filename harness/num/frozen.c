/* SPDX-License-Identifier: Apache-2.0
 * Products with frozen weights: each worker converts a few rows or columns at a time
 * into panels of its own that stay in its caches.  An element of the result is summed
 * in the same order whoever computes it, so the pool never changes a result.
 */
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/num/weight.h"

#define DEPTH 256 /* of a panel; a multiple of every block */

int frozen_make(struct frozen *f, const struct weight *w, bool pack, const struct kernels *kern,
		struct err *err)
{
	(void)pack;
	(void)kern;
	*f = (struct frozen){ 0 };
	if (w->rows < 1 || w->cols < 1 || !weight_row_bytes(w->type, w->cols))
		return err_set(err, ERR_ARG, "a weight of type %s cannot have the shape %d x %d",
			       weight_type_name(w->type), w->rows, w->cols);
	f->w = *w;
	return 0;
}

void frozen_free(struct frozen *f)
{
	free(f->packed);
	*f = (struct frozen){ 0 };
}

/* Columns of dx that one item of frozen_nn() computes: whole blocks. */
#define WIDTH 256

static size_t worker_floats(const struct frozen_job *job)
{
	size_t strip = (size_t)job->kern->strip;

	return 2 * DEPTH * (strip > WIDTH ? strip : WIDTH);
}

size_t frozen_work(const struct frozen_job *job, const struct frozen *f, int m)
{
	(void)f;
	(void)m;
	return (size_t)pool_threads(job->pool) * worker_floats(job) * sizeof(float);
}

struct product {
	const struct frozen_job *job;
	const struct weight *w;
	size_t row_bytes;
	int m;
	const float *x;
	bool add;
	float *y;
};

static void decode(const struct product *p, int row, int col, int n, float *dst)
{
	size_t at = (size_t)row * p->row_bytes + weight_row_bytes(p->w->type, col);

	weight_decode(p->w->type, (const char *)p->w->data + at, dst, (size_t)n);
}

static void nt_item(void *ctx, int i, int worker)
{
	const struct product *p = ctx;
	const struct kernels *kern = p->job->kern;
	int strip = kern->strip, rows = p->w->rows, cols = p->w->cols, j0 = i * strip;
	int n = rows - j0 < strip ? rows - j0 : strip;
	float *values = (float *)p->job->work + (size_t)worker * worker_floats(p->job);
	float *panel = values + (size_t)strip * DEPTH;

	for (int k0 = 0; k0 < cols; k0 += DEPTH) {
		int k = cols - k0 < DEPTH ? cols - k0 : DEPTH;

		for (int j = 0; j < n; j++)
			decode(p, j0 + j, k0, k, values + (size_t)j * DEPTH);
		kern->pack(panel, values, 1, DEPTH, k, n);
		kern->gemm(p->m, n, k, p->x + k0, cols, 1, panel, (size_t)k * (size_t)strip,
			   p->add || k0 > 0, p->y + j0, rows);
	}
}

void frozen_nt(const struct frozen_job *job, const struct frozen *f, int m, const float *x,
	       bool add, float *y)
{
	struct product p = { job, &f->w, weight_row_bytes(f->w.type, f->w.cols), m, x, add, y };
	int strip = job->kern->strip;

	pool_run(job->pool, (f->w.rows + strip - 1) / strip, nt_item, &p);
}

static void nn_item(void *ctx, int i, int worker)
{
	const struct product *p = ctx;
	const struct kernels *kern = p->job->kern;
	int rows = p->w->rows, cols = p->w->cols, j0 = i * WIDTH;
	int n = cols - j0 < WIDTH ? cols - j0 : WIDTH;
	float *values = (float *)p->job->work + (size_t)worker * worker_floats(p->job);
	float *panel = values + (size_t)WIDTH * DEPTH;

	for (int k0 = 0; k0 < rows; k0 += DEPTH) {
		int k = rows - k0 < DEPTH ? rows - k0 : DEPTH;

		for (int r = 0; r < k; r++)
			decode(p, k0 + r, j0, n, values + (size_t)r * WIDTH);
		kern->pack(panel, values, WIDTH, 1, k, n);
		kern->gemm(p->m, n, k, p->x + k0, rows, 1, panel, (size_t)k * (size_t)kern->strip,
			   p->add || k0 > 0, p->y + j0, cols);
	}
}

void frozen_nn(const struct frozen_job *job, const struct frozen *f, int m, const float *dy,
	       bool add, float *dx)
{
	struct product p = { job, &f->w, weight_row_bytes(f->w.type, f->w.cols), m, dy, add, dx };

	pool_run(job->pool, (f->w.cols + WIDTH - 1) / WIDTH, nn_item, &p);
}
