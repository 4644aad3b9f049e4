/* SPDX-License-Identifier: Apache-2.0
 * Products with frozen weights: which way each goes.  An element of the result is
 * summed in the same order whoever computes it, so the pool never changes a result.
 */
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/num/frozen_parts.h"

#define DOTS_BYTES 65536 /* of the weight in one item of the dots */
#define WIDTH	   128	 /* columns of dx of one item: whole strips, half of the largest block */
#define WORTH	   32768 /* bytes of weight that pay for waking the pool */

static bool in_blocks(enum weight_type type)
{
	return weight_block(type) > 1;
}

enum frozen_way frozen_way(const struct kernels *kern, enum weight_type type, enum frozen_path path,
			   int m)
{
	bool ints = in_blocks(type) &&
		    (path == FROZEN_INT8 || (path == FROZEN_AUTO && kern->weight->fast));

	if (type == WEIGHT_BF16 && kern->weight->bf16 &&
	    (path == FROZEN_AUTO || path == FROZEN_MIXED))
		return m <= DOTS_ROWS ? FROZEN_BF16_DOTS : FROZEN_BF16;
	if (m <= DOTS_ROWS && !(path == FROZEN_MIXED && type == WEIGHT_BF16))
		return ints ? FROZEN_INT_DOTS : FROZEN_DOTS;
	return ints ? FROZEN_WORDS : FROZEN_STRIPS;
}

/* The scales of q6_K, each for 16 values, go into 16-bit integers. */
enum word_kind frozen_words(const struct kernels *kern, enum weight_type type)
{
	return kern->weight->quads && type != WEIGHT_Q6_K ? WORD_QUADS : WORD_PAIRS;
}

static int pack_weight(struct frozen *f, const struct kernels *kern, struct err *err)
{
	enum frozen_way way = frozen_way(kern, f->w.type, FROZEN_AUTO, DOTS_ROWS + 1);
	size_t strips = ((size_t)f->w.rows + (size_t)kern->strip - 1) / (size_t)kern->strip;
	size_t bytes, one = frozen_strip_bytes(kern, way, f->w.type, f->w.cols);
	int depth = frozen_depth(way);
	float *values = mem_calloc((size_t)kern->strip * FROZEN_DEPTH, sizeof(*values));

	if (size_mul(strips, one, &bytes) && bytes <= SIZE_MAX - 64)
		f->packed = aligned_alloc(64, frozen_line(bytes));
	if (!values || !f->packed) {
		free(values);
		frozen_free(f);
		return err_set(err, ERR_NOMEM, "no memory to pack a weight of %d x %d", f->w.rows,
			       f->w.cols);
	}
	for (size_t s = 0; s < strips; s++)
		for (int k0 = 0; k0 < f->w.cols; k0 += depth) {
			int j0 = (int)s * kern->strip;

			frozen_strip(kern, way, &f->w, j0,
				     frozen_least(kern->strip, f->w.rows - j0), k0,
				     frozen_least(depth, f->w.cols - k0), values,
				     (char *)f->packed + s * one +
					     frozen_strip_bytes(kern, way, f->w.type, k0));
		}
	f->kern = kern;
	free(values);
	return 0;
}

int frozen_make(struct frozen *f, const struct weight *w, bool pack, const struct kernels *kern,
		struct err *err)
{
	*f = (struct frozen){ 0 };
	if (w->rows < 1 || w->cols < 1 || !weight_row_bytes(w->type, w->cols))
		return err_set(err, ERR_ARG, "a weight of type %s cannot have the shape %d x %d",
			       weight_type_name(w->type), w->rows, w->cols);
	f->w = *w;
	return pack ? pack_weight(f, kern, err) : 0;
}

void frozen_free(struct frozen *f)
{
	free(f->packed);
	*f = (struct frozen){ 0 };
}

/* Words of a row of x in bf16. */
static size_t word_cols(const struct frozen_product *p)
{
	return ((size_t)p->f->w.cols + 1) / 2;
}

/* The scratch of one way for m rows, laid out from base on: bytes. */
static size_t lay_out(struct frozen_product *p, char *base)
{
	const struct kernels *kern = p->job->kern;
	size_t values = (size_t)p->m * (size_t)p->f->w.cols, at = 0;

	if (p->way == FROZEN_INT_DOTS || p->way == FROZEN_WORDS) {
		p->q.q = (int8_t *)base;
		at = frozen_line(values);
		p->q.d = (float *)(void *)(base + at);
		at += frozen_line(values / UNIT * sizeof(float));
		p->q.sum = (float *)(void *)(base + at);
		at += frozen_line(values / UNIT * sizeof(float));
	}
	p->tiles = base + at;
	if (p->way == FROZEN_BF16_DOTS)
		return frozen_line((size_t)p->m * word_cols(p) * sizeof(int32_t));
	if (p->way == FROZEN_DOTS || p->way == FROZEN_INT_DOTS)
		return at;
	at += frozen_tile_bytes(kern, p->way, p->f->w.type, p->m, p->f->w.cols);
	p->workers = base + at;
	return at +
	       (size_t)pool_threads(p->job->pool) * frozen_worker_bytes(kern, p->way, p->f->w.type);
}

static size_t nn_worker_bytes(const struct kernels *kern)
{
	return (kernels_packed(kern, FROZEN_DEPTH, WIDTH)) * sizeof(float);
}

static size_t nn_tile_bytes(const struct kernels *kern, int m, int rows)
{
	return frozen_line((size_t)frozen_tiles(kern, m) * (size_t)rows * sizeof(float));
}

size_t frozen_work(const struct frozen_job *job, const struct frozen *f, int m)
{
	struct frozen_product p = { .job = job, .f = f, .m = m };
	size_t nt, nn;
	char none;

	p.way = frozen_way(job->kern, f->w.type, job->path, m);
	nt = lay_out(&p, &none);
	nn = nn_tile_bytes(job->kern, m, f->w.rows) +
	     (size_t)pool_threads(job->pool) * nn_worker_bytes(job->kern);
	return (nt > nn ? nt : nn) + 64;
}

static void quantise_item(void *ctx, int i, int worker)
{
	const struct frozen_product *p = ctx;
	size_t cols = (size_t)p->f->w.cols, r = (size_t)i;

	(void)worker;
	p->job->kern->weight->quantise(p->x + r * cols, p->f->w.cols, p->q.q + r * cols,
				       p->q.d + r * (cols / UNIT), p->q.sum + r * (cols / UNIT));
}

static void dots_item(void *ctx, int i, int worker)
{
	const struct frozen_product *p = ctx;
	const struct weight_kernels *k = p->job->kern->weight;
	const struct weight *w = &p->f->w;
	int j = i * p->chunk, n = frozen_least(p->chunk, w->rows - j);
	const char *rows = (const char *)w->data + (size_t)j * p->row_bytes;

	(void)worker;
	if (p->way == FROZEN_BF16_DOTS)
		k->bf16_dots(rows, p->row_bytes, n, w->cols, (const void *)p->tiles, p->m, p->add,
			     p->y + j, w->rows);
	else if (p->way == FROZEN_DOTS)
		k->dots(w->type, rows, p->row_bytes, n, w->cols, p->x, p->m, p->add, p->y + j,
			w->rows);
	else
		k->int_dots(w->type, rows, p->row_bytes, n, w->cols, &p->q, p->m, p->add, p->y + j,
			    w->rows);
}

void frozen_nt(const struct frozen_job *job, const struct frozen *f, int m, const float *x,
	       bool add, float *y)
{
	struct frozen_product p = { .job = job, .f = f, .m = m, .x = x, .add = add, .y = y };
	struct pool *pool;

	p.way = frozen_way(job->kern, f->w.type, job->path, m);
	p.kind = frozen_words(job->kern, f->w.type);
	p.row_bytes = weight_row_bytes(f->w.type, f->w.cols);
	lay_out(&p, job->work);
	pool = p.row_bytes * (size_t)f->w.rows < WORTH ? NULL : job->pool;
	if (p.way == FROZEN_INT_DOTS || p.way == FROZEN_WORDS)
		pool_run(m > DOTS_ROWS ? pool : NULL, m, quantise_item, &p);
	for (int i = 0; i < m && p.way == FROZEN_BF16_DOTS; i++)
		job->kern->weight->bf16_words(x + (size_t)i * (size_t)f->w.cols, f->w.cols,
					      (int32_t *)(void *)p.tiles +
						      (size_t)i * word_cols(&p));
	if (p.way != FROZEN_DOTS && p.way != FROZEN_INT_DOTS && p.way != FROZEN_BF16_DOTS) {
		frozen_strips(&p);
		return;
	}
	p.chunk = p.row_bytes < DOTS_BYTES ? (int)(DOTS_BYTES / p.row_bytes) : 1;
	pool_run(pool, (f->w.rows + p.chunk - 1) / p.chunk, dots_item, &p);
}

/* Tiles of dy: a pass over the weight's rows after the other. */
static void nn_tiles_item(void *ctx, int i, int worker)
{
	const struct frozen_product *p = ctx;
	const struct kernels *kern = p->job->kern;
	int rows = p->f->w.rows, depth = frozen_depth(p->way), k0 = i * depth;
	int k = frozen_least(depth, rows - k0);
	void *to = p->tiles + nn_tile_bytes(kern, p->m, k0);

	(void)worker;
	if (p->way == FROZEN_BF16)
		kern->weight->bf16_pack_rows(to, p->x + k0, rows, 1, p->m, k);
	else
		kern->pack_rows(to, p->x + k0, rows, 1, p->m, k);
	if (frozen_rounds(p->job, p->f))
		kern->bf16_round(to, (size_t)frozen_tiles(kern, p->m) * (size_t)k);
}

/* Rows k0.. of the weight, columns j0.. as strips. */
static void nn_strips(const struct frozen_product *p, int k0, int k, int j0, int n, float *panel,
		      size_t step)
{
	const struct weight_kernels *wk = p->job->kern->weight;
	const char *rows = (const char *)p->f->w.data + (size_t)k0 * p->row_bytes;

	if (p->way == FROZEN_BF16)
		wk->bf16_rows((int32_t *)(void *)panel, rows + 2 * (size_t)j0, p->row_bytes, k, n,
			      step);
	for (int r = 0; r < k && p->way != FROZEN_BF16; r++)
		wk->decode(p->f->w.type, rows + (size_t)r * p->row_bytes, j0, n,
			   panel + (size_t)(r * p->job->kern->strip), step);
}

/* Rows r.. of dy against one strip. */
static void nn_panel(const struct frozen_product *p, int r, int k, int j, int n, const float *tiles,
		     const float *strip, bool add)
{
	const struct kernels *kern = p->job->kern;
	int m = frozen_least(FROZEN_BAND, p->m - r), cols = p->f->w.cols;
	float *dx = p->y + (size_t)r * (size_t)cols + j;

	add = add || p->add;
	if (p->way == FROZEN_BF16)
		kern->weight->bf16_panel(m, n, k, (const void *)tiles, (const void *)strip, add, dx,
					 cols);
	else
		kern->panel(m, n, k, tiles, strip, add, dx, cols);
}

static void nn_item(void *ctx, int i, int worker)
{
	const struct frozen_product *p = ctx;
	const struct kernels *kern = p->job->kern;
	const struct weight *w = &p->f->w;
	int j0 = i * WIDTH, n = frozen_least(WIDTH, w->cols - j0), strip = kern->strip;
	int depth = frozen_depth(p->way);
	float *panel = (float *)(void *)(p->workers + (size_t)worker * nn_worker_bytes(kern));

	for (int k0 = 0; k0 < w->rows; k0 += depth) {
		int k = frozen_least(depth, w->rows - k0);
		size_t deep = p->way == FROZEN_BF16 ? ((size_t)k + 1) / 2 : (size_t)k;
		size_t step = deep * (size_t)strip;
		const float *tiles =
			(const float *)(const void *)(p->tiles + nn_tile_bytes(kern, p->m, k0));

		nn_strips(p, k0, k, j0, n, panel, step);
		for (int r = 0; r < p->m; r += FROZEN_BAND)
			for (int j = 0; j < n; j += strip)
				nn_panel(p, r, k, j0 + j, frozen_least(strip, n - j),
					 tiles + (size_t)r * deep,
					 panel + (size_t)(j / strip) * step, k0 > 0);
	}
}

void frozen_nn(const struct frozen_job *job, const struct frozen *f, int m, const float *dy,
	       bool add, float *dx)
{
	struct frozen_product p = { .job = job, .f = f, .m = m, .x = dy, .add = add, .y = dx };

	p.way = job->path == FROZEN_MIXED && f->w.type == WEIGHT_BF16 && job->kern->weight->bf16
			? FROZEN_BF16
			: FROZEN_STRIPS;
	p.row_bytes = weight_row_bytes(f->w.type, f->w.cols);
	p.tiles = job->work;
	p.workers = p.tiles + nn_tile_bytes(job->kern, m, f->w.rows);
	pool_run(job->pool, (f->w.rows - 1) / frozen_depth(p.way) + 1, nn_tiles_item, &p);
	pool_run(job->pool, (f->w.cols + WIDTH - 1) / WIDTH, nn_item, &p);
}
