/* SPDX-License-Identifier: Apache-2.0
 * The vector kernels: one source (kernel_body.h), compiled once for each
 * instruction set; the set is chosen by what the processor has and can be forced.
 * Kernels do not allocate; results repeat bit for bit on one instruction set.
 */
#ifndef HARNESS_NUM_KERNEL_H
#define HARNESS_NUM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

struct weight_kernels;

struct adamw_step {
	float lr, beta1, beta2, eps, decay; /* decay: lr * weight_decay, 0 for none */
	float fix1, fix2;		    /* 1 / (1 - beta^t) of both moments */
	float scale;			    /* of the gradient, clipping included */
};

struct kernels {
	const char *name; /* see kernels_named() */
	int strip;	  /* columns of one packed strip */
	int rows;	  /* rows of one packed tile */

	/* Packs b(p, j) = b[p * rs + j * cs], p < k, j < n, into strips of `strip`
	 * columns, each (k, strip), zeros past n.  dst holds k * n rounded up to whole strips. */
	void (*pack)(float *dst, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int n);
	/* c (m, n; row stride ldc) = or += a b with a(i, p) = a[i * ars + p * acs] and b
	 * packed; step: floats from one strip to the next (k * strip for a whole pack). */
	void (*gemm)(int m, int n, int k, const float *a, ptrdiff_t ars, ptrdiff_t acs,
		     const float *b, size_t step, bool add, float *c, ptrdiff_t ldc);
	/* Packs a(i, p) = a[i * rs + p * cs], i < m, p < k, into tiles of `rows` rows, each
	 * (k, rows), zeros past m. */
	void (*pack_rows)(float *dst, const float *a, ptrdiff_t rs, ptrdiff_t cs, int m, int k);
	/* c (m, n; row stride ldc) = or += a b, both packed, n at most one strip. */
	void (*panel)(int m, int n, int k, const float *a, const float *b, bool add, float *c,
		      ptrdiff_t ldc);

	const struct weight_kernels *weight; /* kernel_weight.h */

	/* x rounded to the nearest bf16, ties to even; NaN stays NaN */
	void (*bf16_round)(float *x, size_t n);
	float (*max)(const float *x, int n); /* n > 0 */
	double (*sum_squares)(const float *x, size_t n);
	float (*dot)(const float *a, const float *b, int n);
	/* s (n) = the products of q (h) with n rows of h floats, `stride` floats apart */
	void (*key_scores)(float *s, const float *q, const float *k, ptrdiff_t stride, int n,
			   int h);
	/* out (h) += such rows of v weighted with p (n) */
	void (*value_sum)(float *out, const float *p, const float *v, ptrdiff_t stride, int n,
			  int h);
	/* x = exp(scale * x - shift), relative error below 3e-7 down to exp(-87); returns the sum.
	 */
	float (*exp_sum)(float *x, int n, float scale, float shift);
	/* dp = p * (dp - delta) * scale */
	void (*softmax_back)(float *dp, const float *p, int n, float delta, float scale);
	/* y = x * s; y += x * s */
	void (*scale)(float *y, const float *x, float s, size_t n);
	void (*axpy)(float *y, const float *x, float s, size_t n);
	/* y = a + b * mask * s; mask NULL: all ones */
	void (*add_masked)(float *y, const float *a, const float *b, const uint8_t *mask, float s,
			   size_t n);
	/* dy * mask * s written to dx, or added when add; mask NULL: all ones */
	void (*masked)(float *dx, const float *dy, const uint8_t *mask, float s, bool add,
		       size_t n);
	/* y = x * g / sqrt(mean(x^2) + eps) for each of the n rows; inv (n) keeps 1 / sqrt(...) */
	void (*rmsnorm)(float *y, float *inv, const float *x, const float *g, float eps, int n,
			int dim);
	/* dx written or added; dg added, NULL to skip */
	void (*rmsnorm_back)(float *dx, float *dg, const float *dy, const float *x, const float *g,
			     const float *inv, bool add, int n, int dim);
	/* y = silu(g) * u */
	void (*swiglu)(float *y, const float *g, const float *u, size_t n);
	/* dg, du written (both or neither of the inputs has a gradient) */
	void (*swiglu_back)(float *dg, float *du, const float *dy, const float *g, const float *u,
			    bool add_g, bool add_u, size_t n);
	/* y = x * sigmoid(1.5957691 * (x + 0.044715 x^3)): the tanh form of GELU */
	void (*gelu)(float *y, const float *x, size_t n);
	void (*gelu_back)(float *dx, const float *dy, const float *x, bool add, size_t n);
	/* One row of heads, 2 half floats each: pairs (x[j], x[j + half]), or with `pairs` (x[2j],
	 * x[2j + 1]), turned by the angles with cosines cs[j] and sines sign * cs[half + j] */
	void (*rope)(float *x, const float *cs, int heads, int half, bool pairs, float sign);
	/* One AdamW update. */
	void (*adamw)(float *w, const float *g, float *m, float *v, const struct adamw_step *s,
		      size_t n);
};

/* The sets themselves; pick one with the functions below.  All but the first exist on x86-64 only.
 */
extern const struct kernels kernels_base, kernels_avx2, kernels_avx512, kernels_avx512vnni,
	kernels_avx512bf16;

/* The widest set this processor runs; name forces one ("base", "avx2", "avx512", with dot
 * products of bytes "avx512vnni", of bf16 too "avx512bf16"), NULL where it is unknown or cannot
 * run here. */
const struct kernels *kernels_best(void);
const struct kernels *kernels_named(const char *name);
/* The set of an option: "auto" the widest, else the one of that name (KERNELS_CHOICES); NULL and
 * an error that names those it runs where this processor does not have it. */
const struct kernels *kernels_choose(const char *name, struct err *err);
#define KERNELS_CHOICES "auto|base|avx2|avx512|avx512vnni|avx512bf16"

/* Floats that pack() writes for a (k, n) matrix. */
size_t kernels_packed(const struct kernels *kern, int k, int n);

#endif
