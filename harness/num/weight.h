/* SPDX-License-Identifier: Apache-2.0
 * Frozen weights in their own type: a view of a (rows, cols) matrix as it lies in a
 * file, and products with it that never make an fp32 copy of the whole.
 *
 * Blocks of the quantised types are those of ggml: q8_0 and q4_0 hold 32 values behind
 * one f16 scale, q4_K and q6_K 256 values with scales of their own.
 */
#ifndef HARNESS_NUM_WEIGHT_H
#define HARNESS_NUM_WEIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/pool.h"
#include "harness/num/kernel.h"
#include "harness/num/weight_type.h"

/* Row-major; a row is weight_row_bytes(type, cols) bytes.  The owner of the file keeps it. */
struct weight {
	enum weight_type type;
	int rows, cols;
	const void *data;
};

const char *weight_type_name(enum weight_type type); /* "q4_K" */
int weight_block(enum weight_type type);	     /* values of a block: 1, 32 or 256 */
/* 0 when cols is not a multiple of the block. */
size_t weight_row_bytes(enum weight_type type, int cols);
/* n values (a multiple of the block) from src into dst: the definition of the type. */
void weight_decode(enum weight_type type, const void *src, float *dst, size_t n);
/* The other way, rounded to nearest; types f32, f16, bf16, q8_0, q4_0 (else false).  The
 * quantised ones want finite values. */
bool weight_encode(enum weight_type type, const float *src, void *dst, size_t n);

/* A weight made ready for products: the view, and for small row counts and where memory
 * allows a packed copy in the kernels' layout. */
struct frozen {
	struct weight w;
	void *packed;		    /* owned; NULL: strips are converted as they are needed */
	const struct kernels *kern; /* whose layout that is; other kernels do without it */
};

/* How products with a weight are computed. */
enum frozen_path {
	FROZEN_AUTO,  /* the fastest that was measured for type and processor */
	FROZEN_FLOAT, /* fp32 arithmetic whatever the type: exact to rounding of sums */
	FROZEN_INT8,  /* quantised types: activations to 8 bits a block of 32, integer dots */
	FROZEN_MIXED, /* weights in bf16: the other operand rounded to bf16, back too; other types:
		       * as FROZEN_FLOAT */
};

/* pack: keep a packed copy (costs its memory).  The weight's memory must outlive f. */
int frozen_make(struct frozen *f, const struct weight *w, bool pack, const struct kernels *kern,
		struct err *err);
void frozen_free(struct frozen *f); /* accepts the zeroed struct */

struct frozen_job {
	const struct kernels *kern;
	struct pool *pool; /* may be NULL */
	enum frozen_path path;
	void *work; /* frozen_work() bytes, 64-byte aligned */
};

/* y (m, rows) = or += x (m, cols) w'.  m == 1 is the one-token product. */
void frozen_nt(const struct frozen_job *job, const struct frozen *f, int m, const float *x,
	       bool add, float *y);
/* dx (m, cols) = or += dy (m, rows) w; fp32 arithmetic but for FROZEN_MIXED. */
void frozen_nn(const struct frozen_job *job, const struct frozen *f, int m, const float *dy,
	       bool add, float *dx);
/* Bytes of scratch of either product for m rows. */
size_t frozen_work(const struct frozen_job *job, const struct frozen *f, int m);

#endif
