/* SPDX-License-Identifier: Apache-2.0
 * Products of many rows: x is packed into tiles once, then each worker converts one
 * strip of the weight at a time, a pass over the depth after the other, into a panel that
 * stays in its first-level cache, and runs all tiles past it.
 */
#include <string.h>

#include "harness/num/frozen_parts.h"

#define STRIPS 4 /* most strips of an item */

/* Words a value of the depth takes in a strip or tile. */
static size_t words_of(enum frozen_way way, enum word_kind kind, int k)
{
	if (way == FROZEN_STRIPS)
		return (size_t)k;
	return way == FROZEN_WORDS && kind == WORD_QUADS ? (size_t)k / 4 : ((size_t)k + 1) / 2;
}

size_t frozen_strip_bytes(const struct kernels *kern, enum frozen_way way, enum weight_type type,
			  int k)
{
	size_t words = words_of(way, frozen_words(kern, type), k);

	if (way == FROZEN_WORDS)
		words += (size_t)(type == WEIGHT_Q4_K ? 2 : 1) * (size_t)(k / UNIT);
	return words * (size_t)kern->strip * sizeof(float);
}

/* Whether rows are words already, at addresses where words may be read. */
static bool are_words(enum frozen_way way, const struct weight *w, size_t row_bytes, int k)
{
	return ((way == FROZEN_STRIPS && w->type == WEIGHT_F32) ||
		(way == FROZEN_BF16 && k % 2 == 0)) &&
	       row_bytes % sizeof(float) == 0 && (uintptr_t)w->data % sizeof(float) == 0;
}

/* Rows in values: FROZEN_DEPTH words apart, then their scales and mins, then a spare. */
void frozen_strip(const struct kernels *kern, enum frozen_way way, const struct weight *w, int j0,
		  int rows, int k0, int k, void *values, void *strip)
{
	size_t row_bytes = weight_row_bytes(w->type, w->cols), step = (size_t)kern->strip;
	enum word_kind kind = frozen_words(kern, w->type);
	int words = (int)words_of(way, kind, k);
	float *d = (float *)strip + (size_t)words * step, *min = d + (size_t)(k / UNIT) * step;
	float *v = values, none[FROZEN_DEPTH / UNIT * 32];

	if (are_words(way, w, row_bytes, k)) {
		const char *first = (const char *)w->data + (size_t)j0 * row_bytes;

		kern->pack(strip, (const float *)(const void *)first + (k0 / (k / words)), 1,
			   (ptrdiff_t)(row_bytes / sizeof(float)), words, rows);
		return;
	}
	if (way == FROZEN_WORDS)
		memset(d, 0, frozen_strip_bytes(kern, way, w->type, k) - (size_t)words * step * 4);
	for (int j = 0; j < rows; j++, v += FROZEN_DEPTH) {
		const char *row = (const char *)w->data + (size_t)(j0 + j) * row_bytes;

		if (way == FROZEN_STRIPS)
			kern->weight->decode(w->type, row, k0, k, v, step);
		else if (way == FROZEN_WORDS)
			kern->weight->words(w->type, kind, row, k0, k, (int32_t *)(void *)v, d + j,
					    w->type == WEIGHT_Q4_K ? min + j : none);
		else {
			v[words - 1] = 0;
			memcpy(v, row + 2 * (size_t)k0, 2 * (size_t)k);
		}
	}
	kern->pack(strip, values, 1, FROZEN_DEPTH, words, rows);
}

size_t frozen_tile_bytes(const struct kernels *kern, enum frozen_way way, enum weight_type type,
			 int m, int cols)
{
	size_t words = words_of(way, frozen_words(kern, type), cols);

	if (way == FROZEN_WORDS)
		words += (size_t)(cols / UNIT) * 3;
	return frozen_line(words * (size_t)frozen_tiles(kern, m) * sizeof(float));
}

size_t frozen_worker_bytes(const struct kernels *kern, enum frozen_way way, enum weight_type type)
{
	return frozen_line((size_t)kern->strip * FROZEN_DEPTH * sizeof(float)) +
	       STRIPS * frozen_line(frozen_strip_bytes(kern, way, type, FROZEN_DEPTH));
}

static char *tiles_at(const struct frozen_product *p, int row, int k0, int k)
{
	const struct kernels *kern = p->job->kern;
	enum weight_type type = p->f->w.type;

	return p->tiles + frozen_tile_bytes(kern, p->way, type, p->m, k0) +
	       (p->way == FROZEN_WORDS ? words_of(p->way, p->kind, k) + (size_t)(k / UNIT) * 3
				       : words_of(p->way, p->kind, k)) *
		       (size_t)row * sizeof(float);
}

/* What a byte of a quad lies above the value it stands for; the mins of q4_K are apart. */
static int quad_offset(enum weight_type type)
{
	return type == WEIGHT_Q8_0 ? 128 : type == WEIGHT_Q4_0 ? 8 : 0;
}

static void tiles_item(void *ctx, int i, int worker)
{
	const struct frozen_product *p = ctx;
	const struct kernels *kern = p->job->kern;
	int cols = p->f->w.cols, depth = frozen_depth(p->way);
	int passes = (cols - 1) / depth + 1;
	int r = i / passes * FROZEN_BAND, k0 = i % passes * depth;
	int k = frozen_least(depth, cols - k0), m = frozen_least(FROZEN_BAND, p->m - r);
	const float *x = p->x + (size_t)r * (size_t)cols;
	void *dst = tiles_at(p, r, k0, k);
	struct quant_rows q = p->q;

	(void)worker;
	if (p->way == FROZEN_STRIPS) {
		kern->pack_rows(dst, x + k0, cols, 1, m, k);
		if (frozen_rounds(p->job, p->f))
			kern->bf16_round(dst, (size_t)frozen_tiles(kern, m) * (size_t)k);
	} else if (p->way == FROZEN_BF16) {
		kern->weight->bf16_pack_rows(dst, x + k0, cols, 1, m, k);
	} else {
		q.q += (size_t)r * (size_t)cols;
		q.d += (size_t)r * (size_t)(cols / UNIT);
		q.sum += (size_t)r * (size_t)(cols / UNIT);
		kern->weight->word_tiles(p->kind, &q, quad_offset(p->f->w.type), cols, k0, m, k,
					 dst);
	}
}

/* Rows r.. of x against one strip of one pass. */
static void run_tiles(const struct frozen_product *p, const void *strip, int r, int j0, int k0,
		      int k)
{
	const struct kernels *kern = p->job->kern;
	const void *tiles = tiles_at(p, r, k0, k);
	int rows = p->f->w.rows, m = frozen_least(FROZEN_BAND, p->m - r);
	int n = frozen_least(kern->strip, rows - j0);
	float *y = p->y + (size_t)r * (size_t)rows + j0;
	bool add = p->add || k0 > 0;

	if (p->way == FROZEN_STRIPS) {
		kern->panel(m, n, k, tiles, strip, add, y, rows);
	} else if (p->way == FROZEN_BF16) {
		kern->weight->bf16_panel(m, n, k, tiles, strip, add, y, rows);
	} else {
		size_t words = words_of(p->way, p->kind, k) * (size_t)kern->strip;
		struct word_panel b = { .word = strip, .d = (const float *)strip + words };

		if (p->f->w.type == WEIGHT_Q4_K)
			b.min = b.d + (size_t)(k / UNIT) * (size_t)kern->strip;
		kern->weight->word_panel(p->kind, m, n, k, tiles, &b, add, y, rows);
	}
}

/* The packed copy, when it is what this product wants. */
static const char *packed_copy(const struct frozen_product *p)
{
	const struct kernels *kern = p->job->kern;

	return p->f->kern == kern &&
			       p->way == frozen_way(kern, p->f->w.type, FROZEN_AUTO, DOTS_ROWS + 1)
		       ? p->f->packed
		       : NULL;
}

/* A few strips, one pass after the other, so that a band of x is read once for all of them. */
static void strip_item(void *ctx, int i, int worker)
{
	const struct frozen_product *p = ctx;
	const struct kernels *kern = p->job->kern;
	const struct weight *w = &p->f->w;
	int first = i * p->chunk,
	    n = frozen_least(p->chunk, (w->rows - 1) / kern->strip + 1 - first);
	char *values = p->workers + (size_t)worker * frozen_worker_bytes(kern, p->way, w->type);
	char *made = values + frozen_line((size_t)kern->strip * FROZEN_DEPTH * sizeof(float));
	size_t one = frozen_strip_bytes(kern, p->way, w->type, w->cols);
	const char *packed = packed_copy(p);
	const int depth = frozen_depth(p->way);

	for (int k0 = 0; k0 < w->cols; k0 += depth) {
		int k = frozen_least(depth, w->cols - k0);
		size_t step = frozen_strip_bytes(kern, p->way, w->type, depth);
		const char *strips = made;

		if (packed) {
			step = one;
			strips = packed + (size_t)first * one +
				 frozen_strip_bytes(kern, p->way, w->type, k0);
		}
		for (int s = 0; s < n && !packed; s++) {
			int j0 = (first + s) * kern->strip;

			frozen_strip(kern, p->way, w, j0, frozen_least(kern->strip, w->rows - j0),
				     k0, k, values, made + (size_t)s * step);
		}
		for (int r = 0; r < p->m; r += FROZEN_BAND)
			for (int s = 0; s < n; s++)
				run_tiles(p, strips + (size_t)s * step, r,
					  (first + s) * kern->strip, k0, k);
	}
}

void frozen_strips(struct frozen_product *p)
{
	int strips = (p->f->w.rows - 1) / p->job->kern->strip + 1;
	int passes = (p->f->w.cols - 1) / frozen_depth(p->way) + 1;

	p->chunk = STRIPS;
	while (p->chunk > 1 && strips / p->chunk < 4 * pool_threads(p->job->pool))
		p->chunk /= 2;
	pool_run(p->job->pool, (p->m + FROZEN_BAND - 1) / FROZEN_BAND * passes, tiles_item, p);
	pool_run(p->job->pool, (strips + p->chunk - 1) / p->chunk, strip_item, p);
}
