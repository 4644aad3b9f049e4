/* SPDX-License-Identifier: Apache-2.0
 * The kernels that read weights in their own types.  What they pack and how is
 * between them and frozen.c.
 */
#ifndef HARNESS_NUM_KERNEL_WEIGHT_H
#define HARNESS_NUM_KERNEL_WEIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/num/weight_type.h"

#define UNIT	  32 /* values that are decoded, and quantised, together */
#define DOTS_ROWS 8  /* most rows of x in one matrix-vector product */

/* Rows of x in 8 bits: per unit of 32 values one scale, value = d * q, |q| <= 127. */
struct quant_rows {
	int8_t *q;  /* (m, k), k whole units */
	float *d;   /* (m, k / 32) */
	float *sum; /* (m, k / 32) sums of q */
};

/* How a word of packed operands is multiplied. */
enum word_kind {
	WORD_PAIRS, /* two 16-bit integers */
	WORD_QUADS, /* four bytes: those of b unsigned, with an offset */
	WORD_BF16,  /* two bf16, products and sums in fp32 */
};

/* Strips of a weight, packed words first: (k / per word, strip) words of 32 bits; then, for
 * integers, scales (units, strip) and for q4_K what is subtracted (units, strip). */
struct word_panel {
	const int32_t *word;
	const float *d, *min; /* min NULL: none */
};

struct weight_kernels {
	bool quads; /* four-byte dot products without saturation: quads where a type allows it */
	bool bf16;  /* bf16 dot products */
	bool fast;  /* integer products are faster than fp32 */

	/* Values at..at+n-1 of a row (at a whole unit; n too unless the row ends there) to dst,
	 * strip values at a time, `step` floats apart; the last unit is filled with zeros. */
	void (*decode)(enum weight_type type, const void *row, int at, int n, float *dst,
		       size_t step);
	/* y (m, rows; row stride ldy) = or += x (m, k) w' for m <= DOTS_ROWS */
	void (*dots)(enum weight_type type, const void *w, size_t row_bytes, int rows, int k,
		     const float *x, int m, bool add, float *y, ptrdiff_t ldy);
	/* One row of k values (whole units): q (k), d and sum (k / 32). */
	void (*quantise)(const float *x, int k, int8_t *q, float *d, float *sum);
	/* The same product as dots with quantised x and a quantised type. */
	void (*int_dots)(enum weight_type type, const void *w, size_t row_bytes, int rows, int k,
			 const struct quant_rows *x, int m, bool add, float *y, ptrdiff_t ldy);
	/* Values at..at+n-1 of a row of a quantised type as words, with scales and mins of each
	 * unit `strip` floats apart. */
	void (*words)(enum weight_type type, enum word_kind kind, const void *row, int at, int n,
		      int32_t *word, float *d, float *min);
	/* Tiles of quantised x (rows m of k values from value `at` of rows with `ld` values): per
	 * unit its words (words of a unit, rows), d (rows), -sum d (rows), -offset sum (rows);
	 * offset: what the bytes of the weight's quads lie above their values. */
	void (*word_tiles)(enum word_kind kind, const struct quant_rows *x, int offset, int ld,
			   int at, int m, int k, int32_t *dst);
	/* c (m, n; row stride ldc) = or += a b: tiles of x against one strip. */
	void (*word_panel)(enum word_kind kind, int m, int n, int k, const int32_t *a,
			   const struct word_panel *b, bool add, float *c, ptrdiff_t ldc);
	/* With bf16: operands rounded to bf16, two depths a word, the lower one in its lower half
	 * (k / 2 rounded up words deep); denormals count as zero, sums are fp32.  As the kernels'
	 * pack and pack_rows: */
	void (*bf16_pack)(int32_t *dst, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int n);
	void (*bf16_pack_rows)(int32_t *dst, const float *a, ptrdiff_t rs, ptrdiff_t cs, int m,
			       int k);
	/* k rows of n weights in bf16 into strips `step` words apart. */
	void (*bf16_rows)(int32_t *dst, const void *w, size_t row_bytes, int k, int n, size_t step);
	/* As the kernels' panel, and as dots with rows of weights in bf16 and x in words. */
	void (*bf16_panel)(int m, int n, int k, const int32_t *a, const int32_t *b, bool add,
			   float *c, ptrdiff_t ldc);
	void (*bf16_words)(const float *x, int k, int32_t *dst); /* one row of x */
	void (*bf16_dots)(const void *w, size_t row_bytes, int rows, int k, const int32_t *x, int m,
			  bool add, float *y, ptrdiff_t ldy);
};

#endif
