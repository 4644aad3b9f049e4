/* SPDX-License-Identifier: Apache-2.0
 * What the files of the frozen products share.
 */
#ifndef HARNESS_NUM_FROZEN_PARTS_H
#define HARNESS_NUM_FROZEN_PARTS_H

#include "harness/num/kernel_weight.h"
#include "harness/num/weight.h"

/* The deepest panel; a multiple of every block. */
#define FROZEN_DEPTH 512

/* Rows of x that stay in the second-level cache: whole tiles of every set. */
#define FROZEN_BAND 96

/* How one product goes. */
enum frozen_way {
	FROZEN_DOTS,	 /* few rows: straight from the weight's rows */
	FROZEN_INT_DOTS, /* the same with x in 8 bits */
	FROZEN_STRIPS,	 /* strips converted to fp32 */
	FROZEN_WORDS,	 /* strips of integers against x in 8 bits */
	FROZEN_BF16,	 /* strips of bf16 against x rounded to bf16 */
	FROZEN_BF16_DOTS /* few rows of the same */
};

/* The mixed path on kernels without products of bf16: fp32 products of rounded values. */
static inline bool frozen_rounds(const struct frozen_job *job, const struct frozen *f)
{
	return job->path == FROZEN_MIXED && f->w.type == WEIGHT_BF16 && !job->kern->weight->bf16;
}

enum frozen_way frozen_way(const struct kernels *kern, enum weight_type type, enum frozen_path path,
			   int m);
enum word_kind frozen_words(const struct kernels *kern, enum weight_type type);

/* Of a panel: what stays in the first-level cache. */
static inline int frozen_depth(enum frozen_way way)
{
	return way == FROZEN_STRIPS ? FROZEN_DEPTH / 2 : FROZEN_DEPTH;
}

struct frozen_product {
	const struct frozen_job *job;
	const struct frozen *f;
	enum frozen_way way;
	enum word_kind kind;
	size_t row_bytes;
	int m;
	const float *x;
	bool add;
	float *y;
	/* in job->work */
	struct quant_rows q;
	char *tiles;   /* x packed: passes over the depth, each its tiles */
	char *workers; /* worker_bytes() each */
	int chunk;     /* of an item: rows of the weight in the dots, else strips */
};

static inline int frozen_least(int a, int b)
{
	return a < b ? a : b;
}

static inline size_t frozen_line(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

/* m in whole tiles. */
static inline int frozen_tiles(const struct kernels *kern, int m)
{
	return (m + kern->rows - 1) / kern->rows * kern->rows;
}

/* Bytes of a strip of the weight, k values deep, as the way wants it. */
size_t frozen_strip_bytes(const struct kernels *kern, enum frozen_way way, enum weight_type type,
			  int k);
/* Converts values k0..k0+k-1 of `rows` rows from row j0 on; values: scratch. */
void frozen_strip(const struct kernels *kern, enum frozen_way way, const struct weight *w, int j0,
		  int rows, int k0, int k, void *values, void *strip);
/* Bytes of x packed, and of a worker's scratch. */
size_t frozen_tile_bytes(const struct kernels *kern, enum frozen_way way, enum weight_type type,
			 int m, int cols);
size_t frozen_worker_bytes(const struct kernels *kern, enum frozen_way way, enum weight_type type);
/* y = or += x w' strip by strip; x is quantised already where the way wants that. */
void frozen_strips(struct frozen_product *p);

#endif
