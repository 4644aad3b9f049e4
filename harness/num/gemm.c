/* SPDX-License-Identifier: Apache-2.0
 * Matrix products; the only file that sees cblas.  Both operands are packed for one
 * pass over k at a time, by all workers; then bands of rows times groups of columns
 * are the items of the pool.
 */
#include "harness/num/gemm.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/num/kernel_weight.h"

#define DEPTH	256 /* of one pass over k: a strip and a tile stay in the first-level cache */
#define BAND	96  /* rows of an item, whole tiles of every set: in the second-level cache */
#define WIDE	64  /* below so many columns packing a costs more than it brings */
#define SHALLOW 192 /* down to this depth rows of a lie near each other as they are */
#define LIBRARY 64  /* narrow kernels leave products from this size on to OpenBLAS */
#define WORTH	1e6 /* multiplications that pay for waking the pool */

struct product {
	const struct gemm_ctx *g;
	int m, n, k; /* k: of this pass */
	const float *a, *b;
	ptrdiff_t ars, acs, brs, bcs;
	bool add;
	float *c, *pa, *pb;
	int bands, groups, group; /* items: bands of rows, groups of `group` columns */
};

static int pieces(int n, int size)
{
	return (n + size - 1) / size;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Operands in words of two bf16; without such products, floats without the lower half. */
static bool in_words(const struct product *p)
{
	return p->g->mixed && p->g->kern->weight->bf16;
}

/* Of one pass: words are half as large. */
static int depth_of(const struct gemm_ctx *g, int k)
{
	return least(k, g->mixed && g->kern->weight->bf16 ? 2 * DEPTH : DEPTH);
}

/* Floats or words of one packed row or column, k deep. */
static int packed_deep(const struct gemm_ctx *g, int k)
{
	return g->mixed && g->kern->weight->bf16 ? (k + 1) / 2 : k;
}

/* Columns of an item, whole strips: enough items for the pool, enough work in each. */
static int group_size(const struct product *p)
{
	int strip = p->g->kern->strip, size = 128;

	while (size > strip && size > 32 &&
	       pieces(p->n, size) * p->bands < 4 * pool_threads(p->g->pool))
		size /= 2;
	return size;
}

static void pack_item(void *ctx, int i, int worker)
{
	const struct product *p = ctx;
	const struct kernels *kern = p->g->kern;

	(void)worker;
	if (i < p->bands) {
		int r = i * BAND, rows = least(BAND, p->m - r);
		const float *a = p->a + r * p->ars;
		float *to = p->pa + (size_t)r * (size_t)packed_deep(p->g, p->k);

		if (in_words(p))
			kern->weight->bf16_pack_rows((void *)to, a, p->ars, p->acs, rows, p->k);
		else
			kern->pack_rows(to, a, p->ars, p->acs, rows, p->k);
		if (p->g->mixed && !in_words(p))
			kern->bf16_round(to, (size_t)pieces(rows, kern->rows) * (size_t)kern->rows *
						     (size_t)p->k);
	} else {
		int j = (i - p->bands) * p->group, cols = least(p->group, p->n - j);
		const float *b = p->b + j * p->bcs;
		float *to = p->pb + (size_t)j * (size_t)packed_deep(p->g, p->k);

		if (in_words(p))
			kern->weight->bf16_pack((void *)to, b, p->brs, p->bcs, p->k, cols);
		else
			kern->pack(to, b, p->brs, p->bcs, p->k, cols);
		if (p->g->mixed && !in_words(p))
			kern->bf16_round(to, kernels_packed(kern, p->k, cols));
	}
}

static void tiles_item(void *ctx, int i, int worker)
{
	const struct product *p = ctx;
	const struct kernels *kern = p->g->kern;
	int r = i / p->groups * BAND, j0 = i % p->groups * p->group;
	int end = least(j0 + p->group, p->n);
	bool words = in_words(p);
	int rows = least(BAND, p->m - r), deep = packed_deep(p->g, p->k);
	const float *a = p->pa + (size_t)r * (size_t)deep, *b = p->pb + (size_t)j0 * (size_t)deep;
	float *c = p->c + (ptrdiff_t)r * p->n;
	const void *word_a = a;

	(void)worker;
	for (int j = j0; j < end; j += kern->strip, b += (size_t)deep * (size_t)kern->strip) {
		int cols = least(kern->strip, end - j);
		const void *word_b = b;

		if (words)
			kern->weight->bf16_panel(rows, cols, p->k, word_a, word_b, p->add, c + j,
						 p->n);
		else
			kern->panel(rows, cols, p->k, a, b, p->add, c + j, p->n);
	}
}

/* The library's own kernels are wider than ours. */
static void library(const struct product *p, int k)
{
	CBLAS_TRANSPOSE ta = p->acs == 1 ? CblasNoTrans : CblasTrans;
	CBLAS_TRANSPOSE tb = p->bcs == 1 ? CblasNoTrans : CblasTrans;

	cblas_sgemm(CblasRowMajor, ta, tb, p->m, p->n, k, 1.0f, p->a, ta == CblasTrans ? p->m : k,
		    p->b, tb == CblasTrans ? k : p->n, p->add ? 1.0f : 0.0f, p->c, p->n);
}

/* Rows of a as they lie against the whole of b, packed. */
static void rows_item(void *ctx, int i, int worker)
{
	const struct product *p = ctx;
	const struct kernels *kern = p->g->kern;
	int r = i * BAND;

	(void)worker;
	kern->gemm(least(BAND, p->m - r), p->n, p->k, p->a + r * p->ars, p->ars, p->acs, p->pb,
		   (size_t)p->k * (size_t)kern->strip, p->add, p->c + (ptrdiff_t)r * p->n, p->n);
}

/* Both ways sum an element in the same order whatever the pool. */
static bool as_it_lies(const struct gemm_ctx *g, int n, int k)
{
	return !g->mixed && (n < WIDE || k <= SHALLOW);
}

static void multiply(struct product *p, int k)
{
	struct pool *pool = (double)p->m * p->n * k < WORTH ? NULL : p->g->pool;
	const struct kernels *kern = p->g->kern;
	const int depth = depth_of(p->g, k);

	if (!p->g->mixed && kern->strip < 16 && p->m >= LIBRARY && p->n >= LIBRARY &&
	    k >= LIBRARY) {
		library(p, k);
		return;
	}
	p->bands = pieces(p->m, BAND);
	p->pb = p->g->work;
	if (as_it_lies(p->g, p->n, k)) {
		p->k = k;
		kern->pack(p->pb, p->b, p->brs, p->bcs, k, p->n);
		pool_run(pool, p->bands, rows_item, p);
		return;
	}
	p->group = group_size(p);
	p->groups = pieces(p->n, p->group);
	p->pa = p->pb + kernels_packed(kern, packed_deep(p->g, depth), p->n);
	for (int k0 = 0; k0 < k; k0 += depth) {
		p->k = least(depth, k - k0);
		pool_run(pool, p->bands + p->groups, pack_item, p);
		pool_run(pool, p->bands * p->groups, tiles_item, p);
		p->a += p->k * p->acs;
		p->b += p->k * p->brs;
		p->add = true;
	}
}

void gemm_nt(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c)
{
	struct product p = { .g = g, .m = m, .n = n, .a = a, .b = b, .add = add, .c = c };

	p.ars = p.bcs = k;
	p.acs = p.brs = 1;
	multiply(&p, k);
}

void gemm_nn(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c)
{
	struct product p = { .g = g, .m = m, .n = n, .a = a, .b = b, .add = add, .c = c };

	p.ars = k;
	p.brs = n;
	p.acs = p.bcs = 1;
	multiply(&p, k);
}

void gemm_tn(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c)
{
	struct product p = { .g = g, .m = m, .n = n, .a = a, .b = b, .add = add, .c = c };

	p.acs = m;
	p.brs = n;
	p.ars = p.bcs = 1;
	multiply(&p, k);
}

void gemm_library(int m, int n, int k, const float *a, const float *b, float *c)
{
	struct product p = { .m = m, .n = n, .a = a, .b = b, .c = c };

	p.acs = p.brs = 1;
	p.ars = p.bcs = k;
	library(&p, k);
}

size_t gemm_work(const struct gemm_ctx *g, int m, int n, int k)
{
	size_t rows = (size_t)g->kern->rows;
	int deep = packed_deep(g, depth_of(g, k));

	if (as_it_lies(g, n, k))
		return kernels_packed(g->kern, k, n);
	return kernels_packed(g->kern, deep, n) +
	       ((size_t)m + rows - 1) / rows * rows * (size_t)deep;
}

void num_blas_one_thread(void)
{
	openblas_set_num_threads(1);
}

const char *num_blas_describe(const struct kernels *kern, char *buf, size_t size)
{
	int threads = openblas_get_num_threads();

	snprintf(buf, size, "kernels %s; %s, core %s, %d thread%s", kern->name,
		 openblas_get_config(), openblas_get_corename(), threads, threads == 1 ? "" : "s");
	return buf;
}

const char *num_blas_warning(void)
{
	const char *core = getenv("OPENBLAS_CORETYPE"), *l2 = getenv("OPENBLAS_L2_SIZE");

	if (core && *core)
		return "OPENBLAS_CORETYPE is set: OpenBLAS does not choose its kernels by this "
		       "processor; products it computes (those of the kernels base) may run at "
		       "half speed and round differently; unset it unless that is wanted";
	if (l2 && *l2)
		return "OPENBLAS_L2_SIZE is set: it changes the blocking of large products; "
		       "unset it unless that is wanted";
	return NULL;
}
